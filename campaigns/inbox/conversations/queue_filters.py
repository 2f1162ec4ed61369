"""The address of the queue says what a member looks for, but for a number of somebody; its links say it again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.audience.models import Channel
from campaigns.inbox.conversations.queries import Shelf

#: Names of the fields; each stands in the address only where something is chosen.
FIELDS = (
    "shelf",
    "channel",
    "tag",
    "region",
    "owner",
    "team",
    "text",
    "contacts",
    "languages",
    "overdue",
    "language",
    "since",
    "until",
)
#: Digits by which a text is a phone number, or was to be one: addresses are kept by browsers and proxies.
NUMBER_DIGITS = 7


@dataclass(frozen=True, slots=True)
class Filters:
    """What was chosen, as it was read; nonsense is nothing chosen."""

    shelf: Shelf
    channel: Channel | None
    tag: str
    region: str
    owner_id: int | None
    #: A team of which a member has it, or to which it is offered.
    team_id: int | None
    #: Words, or a full number.
    text: str
    #: Those who have the number that was looked for, of whom there may be none; None where no number was.
    contact_ids: tuple[int, ...] | None
    #: All languages, also those that the member does not read.
    all_languages: bool
    #: Only those that should have been answered by now.
    is_overdue: bool
    #: BCP 47 code of what they write; '' for any.
    language: str
    #: First and last day, on the clock of the organisation.
    since: date | None
    until: date | None
    #: What stands in links to this choice.
    shown: dict[str, Any]

    def moments(self, time_zone: str) -> tuple[datetime | None, datetime | None]:
        """Return when the first day begins, and when the day after the last one does (UTC)."""
        day_after = self.until + timedelta(days=1) if self.until and self.until < date.max else None
        first, end = (
            datetime.combine(day, time(), ZoneInfo(time_zone)).astimezone(UTC) if day and day > date.min else None
            for day in (self.since, day_after)
        )
        return first, end

    @property
    def is_number(self) -> bool:
        """Whether the text is a phone number, or was to be one."""
        return _is_number(self.text)

    def of_contacts(self, contact_ids: Sequence[int]) -> dict[str, Any]:
        """Return what stands in links to these contacts, instead of the number that they have."""
        return self.shown | {"contacts": ",".join(map(str, contact_ids)) or "0"}


def read_filters(fields: Mapping[str, str]) -> Filters:
    """Read what is chosen."""
    chosen: dict[str, Any] = {name: value for name in FIELDS if (value := fields.get(name, "").strip()[:200])}
    shelf, channel = chosen.get("shelf", ""), chosen.get("channel", "")
    return Filters(
        Shelf(shelf) if shelf in set(Shelf) else Shelf.WAITING,
        Channel(channel) if channel in set(Channel) else None,
        chosen.get("tag", ""),
        chosen.get("region", ""),
        _id(chosen.get("owner", "")),
        _id(chosen.get("team", "")),
        chosen.get("text", ""),
        tuple(filter(None, map(_id, chosen["contacts"].split(",")))) if "contacts" in chosen else None,
        chosen.get("languages") == "all",
        "overdue" in chosen,
        chosen.get("language", ""),
        _day(chosen.get("since", "")),
        _day(chosen.get("until", "")),
        {name: value for name, value in chosen.items() if name != "text" or not _is_number(value)},
    )


def _is_number(text: str) -> bool:
    return sum(map(str.isdecimal, text)) >= NUMBER_DIGITS


def _id(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 18 else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
