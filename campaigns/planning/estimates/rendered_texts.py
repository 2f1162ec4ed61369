"""A pure function renders a campaign's texts once for each combination of region and language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaigns.audience.models import Channel
from campaigns.core.errors import PlaceholderError
from campaigns.directory.signposting.choice import Need, Signpost
from campaigns.messages.filled_text import FilledText, fill_text, link_said
from campaigns.messages.help_numbers import HelpNumber, KnownHelp, lacks_number
from campaigns.messages.text.how_to_stop import StopWay
from campaigns.messages.text.placeholders import names_in, required_names
from campaigns.messages.text.sms_parts import Length, count_parts
from campaigns.planning.campaign_content import Content
from campaigns.planning.country_rules import answerable_countries
from campaigns.planning.estimates.audience_counts import Combination
from campaigns.planning.senders.service import is_two_way


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A region as a signpost needs it; both None when it is not known."""

    region_code: str | None = None
    country: str | None = None


NOWHERE = Whereabouts()


@dataclass(frozen=True, slots=True)
class RenderedText:
    """The text of people in one region who read one language and whose numbers one country issued."""

    #: 0: no known region.
    region_id: int
    people: int
    #: Who reads it, as far as the choice of a number for help goes.
    need: Need
    filled: FilledText

    @property
    def language(self) -> str:
        """Its language."""
        return self.need.language

    @property
    def country(self) -> str | None:
        """Alpha-2 code of the region's country, or None."""
        return self.need.country

    @property
    def body(self) -> str | None:
        """What it says; None when the text needs a signpost and there is none, or lacks another value."""
        return self.filled.body

    @property
    def help_numbers(self) -> tuple[HelpNumber, ...]:
        """What stands for each placeholder that asks for help."""
        return self.filled.help_numbers

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
    known: KnownHelp,
    place: str,
    at: datetime,
    pages: str = "",
) -> list[RenderedText]:
    """Render the text of each of `combinations`, which counts people, as of the moment `at` (UTC).

    `place` stands for the name of the recipient's place, and `pages` is what addresses of our own pages begin
    with. A faulty text gives no body; another gate names it.
    """
    shown, rendered = content.shown_texts, []
    for combination, people in combinations.items():
        language = combination.language
        where = regions.get(combination.region_id, NOWHERE)
        # A number of another country than the region needs one that works from abroad; so does an unknown one.
        roaming = where.country is None or combination.number_country != where.country
        need = Need(where.region_code, where.country, language, at, roaming)
        way = longest_way(content.senders, combination.number_country, by_link=bool(pages))
        link = link_said(content.link, content.code, where.region_code)
        given = {"place": place, "link": link, "code": content.code}
        filled = fill_text(shown.get(language, ""), need, known, stop=way, given=given, pages=pages)
        rendered.append(RenderedText(combination.region_id, people, need, filled))
    return rendered


def longest_way(
    senders: Sequence[Mapping[str, Any]], number_country: str | None, *, by_link: bool = True
) -> StopWay:
    """Return how people with a number of that country (alpha-2) are told to stop: by link, where any may be.

    `by_link`: there is a page that a text can name.
    """
    if by_link and not all(is_heard([sender], number_country) for sender in senders):
        return StopWay.LINK
    return StopWay.WORD if is_heard(senders, number_country) else StopWay.NONE


def is_deaf(sender: Mapping[str, Any]) -> bool:
    """Say whether a campaign's sender is a name that nobody can answer."""
    return not is_two_way(Channel(sender["channel"]), sender["identity"])


def is_heard(senders: Iterable[Mapping[str, Any]], number_country: str | None) -> bool:
    """Say whether people with a number of that country (alpha-2) can answer one of a campaign's senders."""
    return any(
        not is_deaf(sender) and (sender["channel"] != Channel.SMS or number_country in answerable_countries())
        for sender in senders
    )


def lacks_signpost(rendered: RenderedText, text: str) -> bool:
    """Say whether these people need a number for help that does not exist, and the text has no fallback for it."""
    try:
        return lacks_number(rendered.help_numbers, required_names(text))
    except PlaceholderError:
        return False


def needs_more(rendered: RenderedText, text: str, known: KnownHelp) -> bool:
    """Say whether these people would lack a number for help with other words, those of another channel."""
    try:
        return lacks_number(known.find(names_in(text), rendered.need), required_names(text))
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
