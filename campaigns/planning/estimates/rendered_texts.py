"""A pure function renders a campaign's texts once for each combination of region and language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.audience.models import Channel
from campaigns.core.errors import PlaceholderError
from campaigns.directory.signposting.choice import Need, ServiceFacts, Signpost
from campaigns.messages.help_numbers import HelpNumber, find_help_numbers, lacks_number, values_of
from campaigns.messages.text.how_to_stop import StopWay, how_to_stop
from campaigns.messages.text.placeholders import STOP, names_in, render, required_names
from campaigns.messages.text.sms_parts import Length, count_parts
from campaigns.planning.campaign_content import Content
from campaigns.planning.country_rules import answerable_countries
from campaigns.planning.estimates.audience_counts import Combination
from campaigns.planning.senders.service import is_two_way


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A region as a signpost needs it; both None when it is not known."""

    region_code: str | None
    country: str | None


@dataclass(frozen=True, slots=True)
class RenderedText:
    """The text of people in one region who read one language and whose numbers one country issued."""

    language: str
    #: 0: no known region.
    region_id: int
    #: Alpha-2 code of the region's country, or None.
    country: str | None
    people: int
    #: None when the text needs a signpost and there is none, or lacks another value.
    body: str | None
    #: What stands for each placeholder that asks for help.
    help_numbers: tuple[HelpNumber, ...]
    #: What its placeholders stand for.
    values: dict[str, str]
    #: Who reads it, as far as the choice of a number for help goes.
    need: Need

    @property
    def signposts(self) -> list[Signpost]:
        """The services that the text names."""
        return [each.signpost for each in self.help_numbers if each.signpost is not None]

    @property
    def length(self) -> Length | None:
        """Encoding, units and parts, or None without a body."""
        return None if self.body is None else count_parts(self.body)


def render_combinations(
    content: Content,
    combinations: Mapping[Combination, int],
    *,
    regions: Mapping[int, Whereabouts],
    services: Sequence[ServiceFacts],
    emergency: Mapping[str, str],
    place: str,
    at: datetime,
    max_age_days: int,
) -> list[RenderedText]:
    """Render the text of each of `combinations`, which counts people, as of the moment `at` (UTC).

    `place` stands for the name of the recipient's place, `emergency` has the emergency number of each country. A
    faulty text gives no body; another gate names it.
    """
    # Parts are what SMS is paid by; without it, what the first sender says is what most people read.
    shown = content.texts_on(Channel.SMS if content.uses(Channel.SMS) else content.senders[0]["channel"])
    rendered = []
    for combination, people in combinations.items():
        language = combination.language
        text = shown.get(language, "")
        where = regions.get(combination.region_id, Whereabouts(None, None))
        # A number of another country than the region needs one that works from abroad; so does an unknown one.
        roaming = where.country is None or combination.number_country != where.country
        need = Need(where.region_code, where.country, language, at, roaming)
        found = find_help_numbers(_names(text), services, need, emergency=emergency, max_age_days=max_age_days)
        way = StopWay.WORD if is_heard(content.senders, combination.number_country) else StopWay.NONE
        values = values_of(found, language) | {
            "place": place,
            "link": content.link or "",
            "code": content.code,
            STOP: how_to_stop(way, language),
        }
        body = _render(text, values)
        rendered.append(
            RenderedText(language, combination.region_id, where.country, people, body, found, values, need)
        )
    return rendered


def is_heard(senders: Iterable[Mapping[str, Any]], number_country: str | None) -> bool:
    """Say whether people with a number of that country (alpha-2) can answer one of a campaign's senders."""
    return any(
        is_two_way(Channel(sender["channel"]), sender["identity"])
        and (sender["channel"] != Channel.SMS or number_country in answerable_countries())
        for sender in senders
    )


def lacks_signpost(rendered: RenderedText, text: str) -> bool:
    """Say whether these people need a number for help that does not exist, and the text has no fallback for it."""
    try:
        return lacks_number(rendered.help_numbers, required_names(text))
    except PlaceholderError:
        return False


def longest_by_language(rendered: Iterable[RenderedText]) -> dict[str, RenderedText]:
    """Return the rendering with the most parts (then units) of each language, languages with most people first."""
    longest: dict[str, RenderedText] = {}
    people: dict[str, int] = {}
    for each in rendered:
        people[each.language] = people.get(each.language, 0) + each.people
        if each.language not in longest or _size(each) > _size(longest[each.language]):
            longest[each.language] = each
    return {language: longest[language] for language in sorted(longest, key=lambda code: -people[code])}


def _size(rendered: RenderedText) -> tuple[int, int]:
    length = rendered.length
    return (0, 0) if length is None else (length.parts, length.units)


def _names(text: str) -> frozenset[str]:
    try:
        return names_in(text)
    except PlaceholderError:
        return frozenset()


def _render(text: str, values: Mapping[str, str]) -> str | None:
    try:
        return render(text, values)
    except PlaceholderError:
        return None
