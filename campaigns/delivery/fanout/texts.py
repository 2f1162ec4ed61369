"""Texts are rendered once for each language, region, hour, place and SIM that they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from campaigns.audience.models import Channel
from campaigns.core.errors import GateError
from campaigns.core.words import N_
from campaigns.directory.signposting.choice import Need
from campaigns.messages.filled_text import fill_text, link_said
from campaigns.messages.help_numbers import KnownHelp, kinds_asked
from campaigns.messages.text.how_to_stop import StopWay
from campaigns.messages.text.placeholders import STOP, names_in
from campaigns.messages.text.sms_parts import count_parts
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.estimates.rendered_texts import NOWHERE, Whereabouts
from campaigns.planning.models import RunSender, ZonePolicy


@dataclass(frozen=True, slots=True)
class Dimensions:
    """What the texts of a run depend on beside their language; the rest would only multiply equal texts."""

    region: bool
    zone: bool
    place: bool
    #: Some channel has words of its own.
    channel: bool = False
    #: They say how to stop, which depends on whether an answer would be heard.
    stop: bool = False
    #: They go out by SMS, where they name a page to those whose answer would not be heard.
    link: bool = False

    @classmethod
    def of(cls, frozen: FrozenRun) -> Dimensions:
        """Read from the placeholders that occur."""
        words = [text for by_channel in frozen.wordings.values() for text in by_channel.values()]
        names = frozenset[str]().union(*(names_in(text) for text in (*frozen.texts.values(), *words)))
        signposted = bool(kinds_asked(names))
        return cls(
            region=signposted,
            # With a fixed zone and no quiet hours everybody is written to at one instant: one hour for all.
            zone=signposted and (frozen.zone_policy == ZonePolicy.RECIPIENT or frozen.keeps_quiet),
            place="place" in names,
            channel=bool(words),
            stop=STOP in names,
            link=frozen.names_page,
        )

    def over_all_senders(self, found: Iterable[Combination], senders: Sequence[RunSender]) -> list[Combination]:
        """Return the combinations as they are over any sender of the run, where that makes a difference.

        Whoever falls back from one sender to another then finds the words of that one.
        """
        channels = sorted({str(sender.channel) for sender in senders}) if self.channel else [None]
        all_ways = [way.value for way in StopWay if way is not StopWay.LINK or self.link]
        ways = all_ways if self.stop and len(senders) > 1 else [None]
        every = {
            replace(
                each,
                channel=each.channel if channel is None else channel,
                stop=each.stop if way is None else way,
            ): None
            for each in found
            for channel in channels
            for way in ways
        }
        return list(every)


@dataclass(frozen=True, slots=True)
class Combination:
    """One key of run_text; '' and 0 stand for "any"."""

    language: str
    region_id: int = 0
    time_zone: str = ""
    place_id: int = 0
    #: The SIM is of another country than the region, so a national number may not work.
    roaming: bool = False
    channel: str = ""
    #: A StopWay.
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A text ready to be sent, or None as body when nobody can be named in it."""

    body: str | None
    parts: int = 0
    #: Services that it names.
    service_ids: tuple[int, ...] = ()
    #: The approved WhatsApp template that says it, with what fills its slots.
    content_sid: str | None = None
    content_variables: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders the combinations of one run; pure."""

    frozen: FrozenRun
    known: KnownHelp
    regions: Mapping[int, Whereabouts]
    places: Mapping[int, str]
    #: What addresses of our own pages begin with, where texts may name one.
    pages: str = ""

    def render(self, combination: Combination, *, at: datetime) -> Rendered:
        """Return the text that people of this combination get at `at` (UTC).

        Raises GateError when it cannot be rendered, or has more SMS parts than the campaign allows.
        """
        frozen, language = self.frozen, combination.language
        text = frozen.text_on(combination.channel, language)
        where = self.regions.get(combination.region_id, NOWHERE)
        need = Need(where.region_code, where.country, language, at, combination.roaming)
        given = {
            "place": self.places.get(combination.place_id, ""),
            "link": link_said(frozen.link, frozen.code, where.region_code),
            "code": frozen.code,
        }
        filled = fill_text(text, need, self.known, stop=combination.stop, given=given, pages=self.pages)
        if filled.fault is not None:
            template = N_("The text in “%(language)s” cannot be filled in. %(fault)s")
            raise GateError(template, language=language, fault=filled.fault) from filled.fault
        if filled.body is None:
            return Rendered(body=None)
        parts = count_parts(filled.body).parts
        pays_by_part = frozen.pays_by_part and combination.channel in ("", Channel.SMS)
        if pays_by_part and parts > frozen.max_parts:
            template = N_("A text in “%(language)s” has %(parts)s parts; %(allowed)s are allowed.")
            raise GateError(template, language=language, parts=parts, allowed=frozen.max_parts)
        sid, variables = self._template(language, filled.values)
        service_ids = tuple(each.signpost.service_id for each in filled.help_numbers if each.signpost is not None)
        return Rendered(filled.body, parts, service_ids, sid, variables)

    def _template(self, language: str, values: Mapping[str, str]) -> tuple[str | None, dict[str, str] | None]:
        """Return the template in this language, with the value or else the fallback for each slot."""
        template = self.frozen.templates.get(language)
        if template is None:
            return None, None
        slots = (slot.partition("??") for slot in template["slots"])
        filled = (values.get(name) or fallback for name, _, fallback in slots)
        return template["content_sid"], {str(place): value for place, value in enumerate(filled, start=1)}
