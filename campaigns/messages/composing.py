"""What a writer sees of a text being written: its cost, hints, terms, and how it arrives with each signpost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from campaigns.core.errors import NoSignpostError
from campaigns.messages.glossary import Term, TermUse, find_terms
from campaigns.messages.models import EUROPEAN_UNION
from campaigns.messages.numerals import number_in_text
from campaigns.messages.plain import Hint, find_hints
from campaigns.messages.preview import EXAMPLES, Preview, example_values, preview_text
from campaigns.messages.savings import Saving, find_savings
from campaigns.messages.signposts import ServiceFacts, Signpost, choose_signpost


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
    """The text as it arrives with one signpost, or where there is none."""

    #: None: nobody can be named here.
    signpost: Signpost | None
    places: tuple[Whereabouts, ...]
    preview: Preview


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that is told about a text while it is written."""

    preview: Preview
    savings: tuple[Saving, ...]
    hints: tuple[Hint, ...]
    #: Terms of the glossary that the base text uses.
    terms: tuple[TermUse, ...]
    #: Empty when the text names no hotline.
    arrivals: tuple[Arrival, ...]


def measure_text(
    text: str,
    *,
    language: str,
    services: Sequence[ServiceFacts],
    at: datetime,
    max_age_days: int,
    base: str = "",
    terms: Iterable[Term] = (),
) -> Measured:
    """Return what there is to say about `text`; `base` is what it was translated from, "" for a base text."""
    values = example_values(services, at, language=language, max_age_days=max_age_days)
    preview = preview_text(text, values)
    asks = any(piece.placeholder == "hotline" for piece in preview.pieces)
    rendered = "".join(piece.text for piece in preview.pieces)
    return Measured(
        preview=preview,
        savings=find_savings(rendered),
        hints=find_hints(text, names={service.name for service in services}),
        terms=find_terms(base, text, terms) if base else (),
        arrivals=_arrivals(text, language, services, at=at, max_age_days=max_age_days) if asks else (),
    )


def _arrivals(
    text: str, language: str, services: Sequence[ServiceFacts], *, at: datetime, max_age_days: int
) -> tuple[Arrival, ...]:
    """Render the text for people of every place that the directory covers, once for each signpost."""
    signposts: dict[tuple[int, str] | None, Signpost | None] = {}
    places: defaultdict[tuple[int, str] | None, list[Whereabouts]] = defaultdict(list)
    for where in _places(services):
        found = _choose(services, where, language, at=at, max_age_days=max_age_days)
        key = (found.service_id, found.number) if found else None
        signposts.setdefault(key, found)
        places[key].append(where)
    ordered = sorted(places, key=lambda key: (key is None, -len(places[key])))
    return tuple(
        Arrival(signposts[key], tuple(places[key]), preview_text(text, _values(signposts[key], language)))
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


def _choose(
    services: Iterable[ServiceFacts], where: Whereabouts, language: str, *, at: datetime, max_age_days: int
) -> Signpost | None:
    try:
        return choose_signpost(
            services,
            region_code=where.region_code,
            country=where.country,
            language=language,
            at=at,
            roaming=where.roaming,
            max_age_days=max_age_days,
        )
    except NoSignpostError:
        return None


def _values(signpost: Signpost | None, language: str) -> Mapping[str, str]:
    return EXAMPLES if signpost is None else EXAMPLES | {"hotline": number_in_text(signpost.number, language)}
