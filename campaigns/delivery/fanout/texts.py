"""Texts are rendered once for each language, region, hour, place and SIM that they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from campaigns.audience.models import Channel
from campaigns.core.errors import GateError, PlaceholderError
from campaigns.core.words import N_
from campaigns.directory.signposting.choice import Need, ServiceFacts
from campaigns.messages.help_numbers import (
    HelpNumber,
    find_help_numbers,
    kinds_asked,
    lacks_number,
    values_of,
)
from campaigns.messages.text.how_to_stop import StopWay, how_to_stop
from campaigns.messages.text.placeholders import STOP, names_in, render, required_names
from campaigns.messages.text.sms_parts import count_parts
from campaigns.planning.campaign_content import FrozenRun
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
        )

    def over_all_senders(self, found: Iterable[Combination], senders: Sequence[RunSender]) -> list[Combination]:
        """Return the combinations as they are over any sender of the run, where that makes a difference.

        Whoever falls back from one sender to another then finds the words of that one.
        """
        channels = sorted({str(sender.channel) for sender in senders}) if self.channel else [None]
        ways = [way.value for way in StopWay] if self.stop and len(senders) > 1 else [None]
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
class Where:
    """What is known of a region."""

    code: str | None = None
    country: str | None = None


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
    services: Sequence[ServiceFacts]
    regions: Mapping[int, Where]
    places: Mapping[int, str]
    service_max_age_days: int
    #: The emergency number of each country, by alpha-2.
    emergency: Mapping[str, str] = field(default_factory=dict)

    def render(self, combination: Combination, *, at: datetime) -> Rendered:
        """Return the text that people of this combination get at `at` (UTC).

        Raises GateError when it cannot be rendered, or has more SMS parts than the campaign allows.
        """
        text = self.frozen.text_on(combination.channel, combination.language)
        found = self._help_numbers(names_in(text), combination, at)
        if lacks_number(found, required_names(text)):
            return Rendered(body=None)
        values = values_of(found, combination.language) | {
            "place": self.places.get(combination.place_id, ""),
            "link": self._link(combination),
            "code": self.frozen.code,
            STOP: how_to_stop(combination.stop, combination.language),
        }
        try:
            body = render(text, values)
        except PlaceholderError as error:
            raise GateError(
                N_("The text in “%(language)s” cannot be filled in. %(fault)s"),
                language=combination.language,
                fault=error,
            ) from error
        parts = count_parts(body).parts
        pays_by_part = self.frozen.pays_by_part and combination.channel in ("", Channel.SMS)
        if pays_by_part and parts > self.frozen.max_parts:
            raise GateError(
                N_("A text in “%(language)s” has %(parts)s parts; %(allowed)s are allowed."),
                language=combination.language,
                parts=parts,
                allowed=self.frozen.max_parts,
            )
        sid, variables = self._template(combination.language, values)
        service_ids = tuple(each.signpost.service_id for each in found if each.signpost is not None)
        return Rendered(body, parts, service_ids, sid, variables)

    def _link(self, combination: Combination) -> str:
        """Return the campaign's link; our own counted address (/go/K7) gets the region, where it is known."""
        link, where = self.frozen.link or "", self.regions.get(combination.region_id, Where())
        is_counted = link.endswith(f"/go/{self.frozen.code}")
        return f"{link}/{where.code}" if is_counted and where.code else link

    def _template(self, language: str, values: Mapping[str, str]) -> tuple[str | None, dict[str, str] | None]:
        """Return the template in this language, with the value or else the fallback for each slot."""
        template = self.frozen.templates.get(language)
        if template is None:
            return None, None
        slots = (slot.partition("??") for slot in template["slots"])
        filled = (values.get(name) or fallback for name, _, fallback in slots)
        return template["content_sid"], {str(place): value for place, value in enumerate(filled, start=1)}

    def _help_numbers(
        self, names: Iterable[str], combination: Combination, at: datetime
    ) -> tuple[HelpNumber, ...]:
        where = self.regions.get(combination.region_id, Where())
        need = Need(where.code, where.country, combination.language, at, combination.roaming)
        return find_help_numbers(
            names, self.services, need, emergency=self.emergency, max_age_days=self.service_max_age_days
        )
