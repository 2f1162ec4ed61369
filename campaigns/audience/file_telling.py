"""A member may say of a contact file what does not stand in it; what is wrong with it is told by cause. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from itertools import chain

from campaigns.core.errors import MOST_PROBLEMS, RowProblem

#: Lines that are named of what is wrong with many rows.
MOST_LINES = 10
#: Different things that may be wrong with a file, for all of them to be told.
MOST_CAUSES = MOST_PROBLEMS
#: Different ones of a column that are counted at once; beyond them the rarer half is let go: one may come late.
MOST_COUNTED = 5 * MOST_CAUSES
#: Columns whose cells a member may explain, and the value of a problem that is the cell.
MAPPED = {"language": "text", "other_language": "text", "place": "place", "group": "group"}
#: How much of a wrong cell a report shows, and what it shows in place of one that could be a number.
MOST_QUOTED, UNQUOTED = 40, "“…”"
#: What parts the names of groups in a cell, and joins them.
GROUPS_APART, GROUPS_JOINED = re.compile(r"[;|]"), ";"


class WhichLine(StrEnum):
    """Which of the lines counts that have the same number."""

    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class FileTelling:
    """What a member says of a file."""

    #: Country (alpha-2) of numbers without a country code; it is never guessed.
    default_country: str | None = None
    #: What counts where a row says nothing, by our names of columns.
    otherwise: Mapping[str, str] = field(default_factory=dict)
    #: What a cell means, by our name of the column and the cell in small letters.
    meanings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Our names of columns whose names we do not know, by their places in the file, from 0.
    columns: Mapping[str, str] = field(default_factory=dict)
    #: Which line counts where a number stands in several; None: they are wrong.
    repeated: WhichLine | None = None

    def cell(self, column: str, text: str) -> str:
        """Return what a cell of a column says."""
        if text and column not in self.meanings:
            return text
        known = self.meanings.get(column, {})
        if column == "group":
            # Each name is told and explained on its own.
            meant = GROUPS_JOINED.join(known.get(name.casefold(), name) for name in names_in(text))
        else:
            meant = known.get(text.casefold(), text)
        return meant or self.otherwise.get(column, "")

    def naming(self, places: Mapping[str, str]) -> FileTelling:
        """Return this with our names of columns by their places in the file."""
        return replace(self, columns={**self.columns, **places})

    def understanding(self, said: Iterable[tuple[str, str, str]]) -> FileTelling:
        """Return this with what cells mean: for each a column, the cell as it was told, and what it means."""
        meanings = {column: dict(known) for column, known in self.meanings.items()}
        for column, text, meant in said:
            if column in MAPPED and text and meant:
                meanings.setdefault(column, {})[text.casefold()] = meant
        return replace(self, meanings=meanings)

    def counting(self, which: str | None) -> FileTelling:
        """Return this with which line counts of those with the same number; '' takes back what was said."""
        if which is None or which not in {"", *WhichLine}:
            return self
        return replace(self, repeated=WhichLine(which) if which else None)

    def to_line(self) -> str:
        """Return this as one line of text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> FileTelling:
        """Read what `to_line` wrote, or what an earlier version did: the country alone."""
        return cls(**json.loads(line)) if line.startswith("{") else cls(line or None)


NOTHING_TOLD = FileTelling()


def names_in(cell: str) -> list[str]:
    """Return the names of groups in a cell, parted by ; or |."""
    return [name for part in GROUPS_APART.split(cell) if (name := " ".join(part.split()))]


@dataclass(frozen=True, slots=True)
class Cause:
    """What is wrong with some rows of a file in the same way."""

    #: As it is told of the first of them.
    problem: RowProblem
    count: int
    #: The first lines that have it.
    lines: tuple[int, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others; which line a number stands in already does not."""
        told = self.problem
        return told.column, told.template if self.is_repeated else told.sentence

    def with_rows(self, more: Cause) -> Cause:
        """Return this cause with further rows that have it."""
        lines = self.lines
        if len(lines) < MOST_LINES or more.lines[0] < lines[-1]:
            lines = tuple(sorted({*lines, *more.lines})[:MOST_LINES])
        first = min(self.problem, more.problem, key=lambda problem: problem.line)
        return Cause(first, self.count + more.count, lines)

    @property
    def is_repeated(self) -> bool:
        """Whether the same number stands in an earlier line."""
        return "line" in self.problem.values

    @property
    def cell(self) -> str:
        """The cell that a member may explain; '' where there is none."""
        text = str(self.problem.values.get(MAPPED.get(self.problem.column, ""), ""))
        return "" if text == UNQUOTED or len(text) >= MOST_QUOTED else text


class Tally:
    """Counts what is wrong with rows by cause, as it comes: of each cause the first lines are kept."""

    def __init__(self) -> None:
        #: By column, then by what is said of it: cells of one column must not leave others untold.
        self._found: dict[str, dict[str, Cause]] = {}
        #: The row of each cause that was noted last: two of its cells may be wrong in the same way.
        self._latest: dict[tuple[str, str], int] = {}
        self._noted = 0

    @property
    def causes(self) -> list[Cause]:
        """Return what was found, most first: MOST_CAUSES, of which every column has its share."""
        share = MOST_CAUSES // max(len(self._found), 1)
        columns = [_most_first(found.values()) for found in self._found.values()]
        first = chain.from_iterable(found[:share] for found in columns)
        rest = _most_first(chain.from_iterable(found[share:] for found in columns))
        return _most_first([*first, *rest][:MOST_CAUSES])

    @property
    def untold(self) -> int:
        """Return for how many rows a cause is not told."""
        return self._noted - sum(cause.count for cause in self.causes)

    def note(self, problem: RowProblem) -> None:
        """Take up what is wrong with one more row."""
        cause = Cause(problem, 1, (problem.line,))
        key = cause.key
        if self._latest.get(key) != problem.line:
            self._latest[key] = problem.line
            self._add(key, cause)

    def add(self, more: Cause) -> None:
        """Take up a cause of further rows."""
        self._add(more.key, more)

    def _add(self, key: tuple[str, str], more: Cause) -> None:
        column, told = key
        found = self._found.setdefault(column, {})
        known = found.get(told)
        found[told] = more if known is None else known.with_rows(more)
        self._noted += more.count
        if len(found) > MOST_COUNTED:
            for rare in _most_first(found.values())[MOST_COUNTED // 2 :]:
                del found[rare.key[1]]
                self._latest.pop(rare.key, None)


def _most_first(causes: Iterable[Cause]) -> list[Cause]:
    return sorted(causes, key=lambda cause: (-cause.count, cause.lines))


def causes_of(problems: Iterable[RowProblem]) -> list[Cause]:
    """Group problems by what is wrong, most first."""
    tally = Tally()
    for problem in problems:
        tally.note(problem)
    return tally.causes


def added_up(*found: Iterable[Cause]) -> Tally:
    """Return a tally of the causes of several parts of a file, or of several looks at it."""
    tally = Tally()
    for cause in chain.from_iterable(found):
        tally.add(cause)
    return tally
