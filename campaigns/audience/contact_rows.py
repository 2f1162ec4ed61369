"""A row of a contact file is one person who agreed; this pure value also says how a wrong cell may be quoted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from campaigns.audience.consent.handles import Handle
from campaigns.audience.file_telling import MOST_QUOTED, UNQUOTED

#: A cell with more digits could be a number.
MOST_DIGITS_QUOTED = 4


class Names(NamedTuple):
    """What a row names that has to be there already."""

    #: None where the row names none, or gives a point instead.
    place: str | None
    region: str | None
    groups: str


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One person of a file who agreed to be written to."""

    line: int
    #: One on each channel at most, in the order of the file's columns.
    handles: tuple[Handle, ...]
    language: str
    other_language: str | None
    #: Longitude and latitude, or the place or region named instead; all None when the row says nothing.
    position: tuple[float, float] | None
    place: str | None
    region: str | None
    position_at: datetime | None
    consent_at: datetime
    consent_how: str
    #: Names of groups, as they stand in the cell.
    groups: str = ""
    #: Other handles that a file has of the person. Nobody is written to by them, but a stop on one counts.
    beside: tuple[Handle, ...] = ()

    @property
    def names(self) -> Names:
        """What has to be there for the row to be taken in."""
        return Names(self.place if self.position is None else None, self.region, self.groups)


def quoted(text: str) -> str:
    """Return a wrong cell as a report may show it: nothing that could be a number, should columns be shifted."""
    digits = sum(letter.isdecimal() for letter in text)
    return text[:MOST_QUOTED] if digits <= MOST_DIGITS_QUOTED else UNQUOTED
