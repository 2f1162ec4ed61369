"""A row of a contact file is one person who agreed; here it also says how wrong ones are kept and quoted. Pure."""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from campaigns.audience.consent.handles import Handle
from campaigns.audience.file_telling import MOST_QUOTED, UNQUOTED, Cause, Tally
from campaigns.core.errors import MOST_PROBLEMS, RowProblem

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


class WrongRows:
    """What is wrong with the rows of a file: all are counted by cause, the first of each column are kept."""

    def __init__(self) -> None:
        #: Rows with any problem, and problems of all of them.
        self.rows = self.found = 0
        self._kept: defaultdict[str, list[RowProblem]] = defaultdict(list)
        self._tally = Tally()
        # A byte a line: a file of millions may be wrong in each, and one row in several ways.
        self._lines = bytearray()

    def __bool__(self) -> bool:
        return self.found > 0

    @property
    def problems(self) -> list[RowProblem]:
        """Return the first problems, by line."""
        kept = [problem for problems in self._kept.values() for problem in problems]
        return sorted(kept, key=lambda problem: problem.line)[:MOST_PROBLEMS]

    @property
    def causes(self) -> list[Cause]:
        """Return what is wrong by cause, with the number of rows that have it, most first."""
        return self._tally.causes

    @property
    def untold(self) -> int:
        """Return for how many rows a cause is not among these."""
        return self._tally.untold

    def note(self, problem: RowProblem) -> None:
        """Take up one more problem."""
        self.found += 1
        self._tally.note(problem)
        if problem.line >= len(self._lines):
            self._lines.extend(bytes(problem.line + 1 - len(self._lines)))
        self.rows += not self._lines[problem.line]
        self._lines[problem.line] = 1
        kept = self._kept[problem.column]
        # Most come in the order of the file; a number that stands twice far apart is known at its end alone.
        if len(kept) < MOST_PROBLEMS or problem.line < kept[-1].line:
            insort(kept, problem, key=lambda each: each.line)
            del kept[MOST_PROBLEMS:]


def quoted(text: str) -> str:
    """Return a wrong cell as a report may show it: nothing that could be a number, should columns be shifted."""
    digits = sum(letter.isdecimal() for letter in text)
    return text[:MOST_QUOTED] if digits <= MOST_DIGITS_QUOTED else UNQUOTED
