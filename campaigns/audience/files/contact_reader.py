"""Reads a contact file row by row into people who agreed, or into what is wrong with a row; no database here.

Only what is wrong is kept, and a few bytes a handle: a file may hold a million people.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import count
from typing import BinaryIO

from sqlalchemy import Dialect

from campaigns.audience.consent.handles import Handle, read_handle
from campaigns.audience.contact_rows import ContactRow, WrongRows, quoted
from campaigns.audience.file_telling import MOST_LINES, NOTHING_TOLD, Cause, FileTelling, WhichLine
from campaigns.audience.files.contact_columns import COLUMN_NAMES, REQUIRED, naming
from campaigns.audience.files.repeated_lines import NOTHING_LEFT_OUT, LinesLeftOut, SeenHandles
from campaigns.audience.files.several_numbers import Further, chosen_of, further_columns, numbers_in
from campaigns.audience.models import Channel
from campaigns.core.errors import (
    AddressError,
    FileFormatError,
    InputError,
    MissingColumnsError,
    RowProblem,
)
from campaigns.core.languages import codes_by_name
from campaigns.core.words import N_
from campaigns.places.files.sheet_cells import Line, open_sheet, recognise_coding

LONGEST_EVIDENCE = 200
#: Address books have many columns, of which few say anything to us.
MOST_COLUMNS = 120
#: Characters of a line: no more than one is in memory.
LONGEST_LINE = 1_000_000
#: People that are given together: below SQLite's limit of bound values in one lookup.
BATCH = 2000
#: People of one file on SQLite, which has one writer: of people who are known already these take some two seconds.
MOST_ON_SQLITE = 10_000
_TWICE = N_("the same number stands in line %(line)s already.")
_DATE_FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d")


@dataclass(frozen=True, slots=True)
class Ending:
    """What there is to say of a contact file once all of it was read."""

    #: What Python calls the coding it is written in.
    coding: str
    #: Rows that were read, those of them that are people, and those with a problem.
    rows: int
    good_rows: int
    bad_rows: int
    #: The first problems, by line; no address is in them.
    problems: list[RowProblem]
    #: What is wrong by cause, with how many rows have it.
    causes: list[Cause] = field(default_factory=list)
    #: For how many rows a cause is not among these.
    untold: int = 0
    #: Rows that were left out, because another one with the same number counts.
    left_out: int = 0
    #: Which one counts; '' where nobody said it.
    repeated: str = ""
    #: Numbers of people beside the one of each that is taken.
    other_numbers: int = 0
    #: The first lines where the number that is taken is not the first.
    later_taken: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class ContactFile:
    """What was read in a file to its end."""

    #: In batches, to be gone through once; no handle comes twice in one batch.
    people: Iterator[list[ContactRow]]
    ending: Ending


def most_people(most: int, dialect: Dialect) -> int:
    """Return how many people a file may hold: on SQLite a stop waits as long as they take to be written."""
    return min(most, MOST_ON_SQLITE) if dialect.name == "sqlite" else most


def read_contacts(
    file: BinaryIO,
    *,
    max_rows: int,
    now: datetime,
    telling: FileTelling = NOTHING_TOLD,
) -> Generator[list[ContactRow], None, Ending]:
    """Read a contact file as it goes: give its people in batches of BATCH, and return what else there is to say.

    Which day it is the zone of `now` says. Raises FileFormatError or TooManyRowsError where a broken or long file
    shows that it is. The file stays open.
    """
    coding = recognise_coding(file)
    try:

        def reading(left_out: LinesLeftOut = NOTHING_LEFT_OUT) -> ContactReader:
            lines = text_of(file, coding)
            return ContactReader(lines, telling=telling, max_rows=max_rows, now=now, left_out=left_out)

        reader = reading(_left_out(reading, telling.repeated)) if telling.repeated else reading()
    except MissingColumnsError as error:
        # Whoever keeps the file until its columns are named has to decode it.
        raise MissingColumnsError(error.template, **error.values, coding=coding) from None
    yield from reader.batches(BATCH)
    wrong = reader.wrong
    return Ending(
        *(coding, reader.rows, reader.good_rows, wrong.rows, wrong.problems),
        causes=wrong.causes,
        untold=wrong.untold,
        left_out=reader.left_out,
        repeated=telling.repeated or "",
        other_numbers=reader.other_numbers,
        later_taken=reader.later_taken,
    )


def _left_out(reading: Callable[[], ContactReader], which: WhichLine) -> LinesLeftOut:
    """Return the lines that are left out; which one is the last of its number is known at the end alone."""
    instead = reading().superseded(which)
    handles: defaultdict[int, set[Handle]] = defaultdict(set)
    # Only lines that are left out are remembered, of which there are few.
    for row in (row for rows in (reading().batches(BATCH) if instead else ()) for row in rows):
        for line in instead.get(row.line, ()):
            handles[line].update(row.handles, row.beside)
    return LinesLeftOut(instead, handles)


def text_of(file: BinaryIO, coding: str) -> Generator[str, None, None]:
    """Give the lines of a file from its beginning; it stays open. Raises FileFormatError for an endless one."""
    file.seek(0)
    lines = io.TextIOWrapper(file, coding, newline="")
    try:
        for number in count(1):
            line = lines.readline(LONGEST_LINE)
            if len(line) == LONGEST_LINE:
                raise FileFormatError(
                    N_("Line %(line)s has more than %(limit)s characters: this is no list of people."),
                    line=number,
                    limit=f"{LONGEST_LINE:,}",
                )
            if not line:
                return
            yield line
    finally:
        lines.detach()


class _RowError(InputError):
    """Carries what is wrong with one cell to the end of its row; its values are stored: no number is in them."""

    def __init__(self, column: str, template: str, /, **values: object) -> None:
        super().__init__(template, **values)
        self.column = column


class LineReader:
    """Reads lines of a contact file once; a handle that comes twice is a problem of the later one."""

    def __init__(
        self,
        columns: Sequence[str],
        lines: Iterable[Line],
        *,
        telling: FileTelling,
        now: datetime,
        left_out: LinesLeftOut = NOTHING_LEFT_OUT,
        salt: bytes | None = None,
    ) -> None:
        """Begin to read; lines that are `left_out` are no people, `salt` is what `seen` is to have."""
        self.columns, self.lines = tuple(columns), iter(lines)
        self._number_columns = ("number", *further_columns(columns))
        self._telling = telling
        self._now = now
        #: The handles of the people that were read.
        self.seen = SeenHandles(salt)
        self._left_out = left_out
        #: What is wrong with the rows that were read; handles that came twice far apart are told at the end.
        self.wrong = WrongRows()
        #: Rows that were read, those of them that are people, and those that were left out.
        self.rows = self.good_rows = self.left_out = 0
        #: Numbers of these people beside the one of each that is taken.
        self.other_numbers = 0
        #: The first lines where the number that is taken is not the first.
        self.later_taken: list[int] = []

    def batches(self, size: int) -> Iterator[list[ContactRow]]:
        """Give the people of the file, at most `size` at a time; no handle comes twice in one batch.

        Raises FileFormatError or TooManyRowsError where a broken or long file shows that it is.
        """
        batch: list[ContactRow] = []
        first_lines: dict[Handle, int] = {}
        for line in self.lines:
            self.rows += 1
            row = self._read(line, first_lines)
            if row is None:
                continue
            self.good_rows += 1
            first_lines |= dict.fromkeys(row.handles, row.line)
            batch.append(row)
            if len(batch) == size:
                yield batch
                batch, first_lines = [], {}
        if batch:
            yield batch
        for line_number, first in self.seen.repeated():
            self.wrong.note(stands_twice(line_number, first))

    def superseded(self, which: WhichLine) -> dict[int, frozenset[int]]:
        """Read to the end, and return the lines that are left out, with those that count instead."""
        for _batch in self.batches(BATCH):
            pass
        return self.seen.superseded(which)

    def _read(self, line: Line, first_lines: Mapping[Handle, int]) -> ContactRow | None:
        """Return the person of a row, or None when something is wrong with it."""
        if line.number in self._left_out.lines:
            self.left_out += 1
            return None
        if line.is_too_long:
            self.wrong.note(line.too_long())
            return None
        try:
            numbers = self._numbers(line)
            row, further = _row(line, numbers=numbers, telling=self._telling, now=self._now)
            for handle in row.handles:
                if handle in first_lines and self._telling.repeated is None:
                    raise _RowError("number", _TWICE, line=first_lines[handle])
        except _RowError as error:
            self.wrong.note(RowProblem(line.number, error.column, error.template, error.values))
            return None
        for handle in row.handles:
            self.seen.add(handle, line.number)
        self.other_numbers += len(further.handles) + further.unread
        if further.is_first_passed and len(self.later_taken) <= MOST_LINES:
            self.later_taken.append(line.number)
        if elsewhere := self._left_out.handles.get(line.number):
            return replace(row, beside=tuple(elsewhere.union(row.beside) - set(row.handles)))
        return row

    def _numbers(self, line: Line) -> list[str]:
        """Return the numbers of a row."""
        return numbers_in(line.cells.get(column, "") for column in self._number_columns)


class ContactReader(LineReader):
    """Opens a contact file and reads it once."""

    def __init__(
        self,
        source: Iterable[str],
        *,
        telling: FileTelling,
        max_rows: int,
        now: datetime,
        left_out: LinesLeftOut = NOTHING_LEFT_OUT,
    ) -> None:
        """Begin to read; `source` gives the lines of the file with their ends, without those `left_out`.

        Raises FileFormatError for a file or header that cannot be read.
        """
        required = [column for column in REQUIRED if not telling.otherwise.get(column)]
        columns, lines = open_sheet(
            source, required=required, max_rows=max_rows, max_columns=MOST_COLUMNS, rename=naming(telling.columns)
        )
        super().__init__(columns, lines, telling=telling, now=now, left_out=left_out)


def stands_twice(line: int, first: int) -> RowProblem:
    """Return what is wrong with a line whose number stands in an earlier one."""
    return RowProblem(line, "number", _TWICE, {"line": first})


def _row(line: Line, *, numbers: Sequence[str], telling: FileTelling, now: datetime) -> tuple[ContactRow, Further]:
    cells = {column: telling.cell(column, line.cells.get(column, "")) for column in COLUMN_NAMES}
    if numbers:
        cells["number"] = chosen_of(numbers, default_country=telling.default_country)
    handles, further = _handles(cells, numbers, telling.default_country)
    if not cells["consent_how"]:
        raise _RowError("consent_how", N_("how the person agreed is missing; nobody is written to without it."))
    position = _position(cells)
    row = ContactRow(
        line=line.number,
        handles=handles,
        language=_language("language", cells["language"]),
        other_language=_language("other_language", cells["other_language"]) if cells["other_language"] else None,
        position=position,
        place=cells["place"] or None,
        region=cells["region"].upper() or None,
        position_at=_position_at(cells, position, now),
        consent_at=_moment("consent_date", cells["consent_date"], now),
        consent_how=cells["consent_how"][:LONGEST_EVIDENCE],
        groups=cells["group"],
        beside=tuple(further.handles),
    )
    return row, further


def _handles(
    cells: Mapping[str, str], numbers: Sequence[str], default_country: str | None
) -> tuple[tuple[Handle, ...], Further]:
    """Read the handles of a row: the number, on the row's channel, and those in columns of their own.

    Return those that are taken, and those beside them.
    """
    written = {column: Channel(column) for column in ("whatsapp", "telegram") if cells[column]}
    if cells["number"] or not written:
        written = {"number": _channel(cells["channel"])} | written
    handles: dict[Channel, Handle] = {}
    further = Further()
    for column, channel in written.items():
        if channel in handles:
            raise _RowError(column, N_("this row has two addresses on the same channel."))
        texts = numbers_in([cells[column]]) or [""]
        try:
            taken = read_handle(channel, texts[0], default_country=default_country)
        except AddressError as error:
            raise _RowError(column, error.template, **error.values) from None
        handles[channel] = taken
        others = numbers if column == "number" else texts
        if len(others) > 1:
            further.add(others, taken, default_country=default_country)
    return tuple(handles.values()), further


def _channel(text: str) -> Channel:
    wanted = text.casefold() or Channel.SMS
    if wanted not in set(Channel):
        raise _RowError("channel", N_("write sms, whatsapp or telegram; an empty cell means sms."))
    return Channel(wanted)


def _language(column: str, text: str) -> str:
    code = codes_by_name().get(text.casefold())
    if code is not None:
        return code
    if not text:
        raise _RowError(column, N_("the language is missing; write its code, for example uk."))
    raise _RowError(
        column, N_("%(text)s is no language we know; write its code, for example uk."), text=quoted(text)
    )


def _position(cells: Mapping[str, str]) -> tuple[float, float] | None:
    if not cells["latitude"] and not cells["longitude"]:
        return None
    try:
        latitude, longitude = (float(cells[name].replace(",", ".")) for name in ("latitude", "longitude"))
    except ValueError:
        raise _RowError("latitude", N_("latitude and longitude are both numbers of degrees.")) from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise _RowError("latitude", N_("this lies outside the world."))
    return longitude, latitude


def _position_at(cells: Mapping[str, str], position: object, now: datetime) -> datetime | None:
    if cells["position_date"]:
        return _moment("position_date", cells["position_date"], now)
    if position or cells["place"] or cells["region"]:
        raise _RowError(
            "position_date", N_("say when the person was there; a place without a date is soon out of date.")
        )
    return None


def _moment(column: str, text: str, now: datetime) -> datetime:
    """Return the beginning of a written day, UTC; nothing was later than now, which has the reader's zone."""
    day = _day(text)
    if day is None and not text:
        raise _RowError(column, N_("the date is missing; write it as 2026-03-31."))
    if day is None:
        raise _RowError(column, N_("this is no date; write it as 2026-03-31."))
    if day > now.date():
        raise _RowError(column, N_("%(day)s lies in the future."), day=day.isoformat())
    return min(datetime.combine(day, time(0), UTC), now.astimezone(UTC))


@lru_cache(maxsize=1024)
def _day(text: str) -> date | None:
    """Return a written day, of which a file has few; None for what is no date."""
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None
