"""A writer sees what a text costs while it is written, hints, terms, and how it arrives with each signpost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from campaigns.core.errors import PlaceholderError
from campaigns.directory.models import EUROPEAN_UNION
from campaigns.directory.signposting.choice import Need, Signpost
from campaigns.directory.signposting.service_facts import ServiceFacts
from campaigns.messages.composer.preview import Preview, example_values, preview_text
from campaigns.messages.glossary.matches import Term, TermUse, find_terms
from campaigns.messages.help_numbers import HelpNumber, KnownHelp, kinds_asked, values_of
from campaigns.messages.text.how_to_stop import StopWay, how_to_stop
from campaigns.messages.text.placeholders import STOP, names_in
from campaigns.messages.text.plain_language import Hint, find_hints
from campaigns.messages.text.savings import Saving, find_savings


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """People in one place whose SIM is of that country, or of another one."""

    #: Alpha-2.
    country: str
    #: ISO 3166-2, or None for all of the country without a service of its own.
    region_code: str | None
    roaming: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """The text as it arrives with the same numbers for help."""

    help_numbers: tuple[HelpNumber, ...]
    places: tuple[Whereabouts, ...]
    preview: Preview

    @property
    def signposts(self) -> list[Signpost]:
        """The services that it names; none where it names emergency numbers or its own words."""
        return [each.signpost for each in self.help_numbers if each.signpost is not None]

    @property
    def emergency(self) -> str | None:
        """The emergency number that it names for want of a service."""
        return next((each.emergency for each in self.help_numbers if each.emergency), None)


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that is told about a text while it is written."""

    preview: Preview
    #: How many parts it takes over a sender that nobody can answer, where its link to leave stands in it.
    linked_parts: int
    savings: tuple[Saving, ...]
    hints: tuple[Hint, ...]
    #: Terms of the glossary that the source text uses.
    terms: tuple[TermUse, ...]
    #: Empty when the text names no hotline.
    arrivals: tuple[Arrival, ...]


def measure_text(
    text: str,
    *,
    language: str,
    known: KnownHelp,
    at: datetime,
    base: str = "",
    terms: Iterable[Term] = (),
    pages: str = "",
) -> Measured:
    """Return what there is to say about `text`; `base` is what it was translated from, "" for a source text.

    `pages` is what addresses of our own pages begin with, one of which a text may name; '': there are none.
    """
    names = _names(text)
    values = example_values(names, known, at, language=language)
    others = {name: value for name, value in values.items() if name not in kinds_asked(names)}
    preview = preview_text(text, values)
    linked = values | {STOP: how_to_stop(StopWay.LINK, language, pages=pages)}
    rendered = "".join(piece.text for piece in preview.pieces)
    return Measured(
        preview=preview,
        linked_parts=preview_text(text, linked).length.parts if STOP in names else preview.length.parts,
        savings=find_savings(rendered),
        hints=find_hints(text, names={service.name for service in known.services}),
        terms=find_terms(base, text, terms) if base else (),
        arrivals=_arrivals(text, language, known, names, values=others, at=at),
    )


def _arrivals(
    text: str,
    language: str,
    known: KnownHelp,
    names: Collection[str],
    *,
    values: dict[str, str],
    at: datetime,
) -> tuple[Arrival, ...]:
    """Render the text for people of every place that the directory covers, once for the same numbers."""
    if not kinds_asked(names):
        return ()
    found: dict[tuple[str, ...], tuple[HelpNumber, ...]] = {}
    places: defaultdict[tuple[str, ...], list[Whereabouts]] = defaultdict(list)
    for where in _places(known.services):
        need = Need(where.region_code, where.country, language, at, where.roaming)
        numbers = known.find(names, need)
        key = tuple(f"{each.number} {each.signpost.name if each.signpost else ''}" for each in numbers)
        found.setdefault(key, numbers)
        places[key].append(where)
    ordered = sorted(places, key=lambda key: (not any(each.signpost for each in found[key]), -len(places[key])))
    return tuple(
        Arrival(found[key], tuple(places[key]), preview_text(text, values | values_of(found[key], language)))
        for key in ordered
    )


def _places(services: Iterable[ServiceFacts]) -> list[Whereabouts]:
    """Return the countries of the directory, and the regions that have services of their own."""
    covered = {
        (service.country, region)
        for service in services
        if service.country != EUROPEAN_UNION
        for region in (None, *service.region_codes)
    }
    ordered = sorted(covered, key=lambda pair: (pair[0], pair[1] or ""))
    return [Whereabouts(country, region, roaming) for country, region in ordered for roaming in (False, True)]


def _names(text: str) -> frozenset[str]:
    """Return the placeholders of a text; a faulty one has none that could be filled."""
    try:
        return names_in(text)
    except PlaceholderError:
        return frozenset()
