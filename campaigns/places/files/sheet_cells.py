"""Spreadsheets come in any usual encoding and separator, and are read into lines and written back as CSV."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

from campaigns.core.errors import FileFormatError, MissingColumnsError, RowProblem, RowsError, TooManyRowsError
from campaigns.core.lists import first_of
from campaigns.core.spreadsheets import unguarded, write_table
from campaigns.core.words import N_

#: What a workbook begins with: it is a zip archive.
_WORKBOOK = b"PK\x03\x04"
#: Bytes of a file that are decoded at once to see what it is written in.
_PIECE = 1 << 20
#: Columns of a sheet, unless it may have more, and cells with text of one that is read as a whole.
MAX_COLUMNS, MAX_CELLS = 60, 300_000
#: Names of columns that a sentence about them tells.
_MOST_NAMED = 10


#: Excel is told the separator by a line of its own before the first, and may have written it in quotes.
_NAMED_SEPARATOR = re.compile(r'\ufeff?"?sep=([^"\r\n])"?[ \t,;]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet."""

    #: As a spreadsheet counts: the header is line 1.
    number: int
    #: Trimmed text by column; "" where the cell is empty.
    cells: Mapping[str, str]
    #: Whether there is text beyond the last column.
    is_too_long: bool = False

    def too_long(self) -> RowProblem:
        """Return what is wrong with a row that is too long."""
        return RowProblem(self.number, "", N_("there are more cells than columns in the first line."))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A header and its rows; rows without any text are left out."""

    columns: tuple[str, ...]
    lines: list[Line]


def decode_text(data: bytes) -> str:
    """Return the text of a file in UTF-8, UTF-16 or Windows-1251. Raises FileFormatError when it is none."""
    return recognise_text(data)[0]


def recognise_text(data: bytes) -> tuple[str, str]:
    """Return the text of a file and the coding it was read in ("utf-8", "utf-16" or "cp1251").

    Raises FileFormatError when it is none of these.
    """
    coding = recognise_coding(io.BytesIO(data))
    return data.decode(coding), name_of_coding(coding)


def is_workbook(file: BinaryIO) -> bool:
    """Say whether a file, which is left at its beginning, looks like a workbook."""
    file.seek(0)
    start = file.read(len(_WORKBOOK))
    file.seek(0)
    return start == _WORKBOOK


def recognise_coding(file: BinaryIO) -> str:
    """Return what Python calls the coding of a file, which is read in pieces and left at its beginning.

    Raises FileFormatError when it is none of those that `recognise_text` knows.
    """
    file.seek(0)
    start = file.read(200)
    if start.startswith(_WORKBOOK):
        raise FileFormatError(N_("This is an Excel workbook. Save the sheet as CSV (UTF-8) and try again."))
    for coding in _codings(start):
        if _is_text(file, coding):
            return coding
    raise FileFormatError(N_("This is not a text file. Save the sheet as CSV (UTF-8) and try again."))


def name_of_coding(coding: str) -> str:
    """Return the name by which people know a coding that `recognise_coding` returned."""
    return coding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")


def _codings(start: bytes) -> tuple[str, ...]:
    """Return the codings that a file with this beginning may be written in."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if b"\0" in start:
        return ("utf-16-le" if start[1:2] == b"\0" else "utf-16-be",)
    return ("utf-8-sig", "cp1251")


def _is_text(file: BinaryIO, coding: str) -> bool:
    decoder = codecs.getincrementaldecoder(coding)()
    file.seek(0)
    try:
        while piece := file.read(_PIECE):
            if "\0" in decoder.decode(piece):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def read_sheet(
    text: str,
    *,
    required: Collection[str],
    max_rows: int,
    max_columns: int = MAX_COLUMNS,
    rename: Callable[[str], str] = str,
) -> Sheet:
    """Read a sheet separated by commas, semicolons or tabs; `rename` turns a column's name into ours.

    Raises FileFormatError for a broken file or header, TooManyRowsError for a large one, RowsError for long rows.
    """
    source = io.StringIO(text, newline="")
    columns, found = open_sheet(
        source, required=required, max_rows=max_rows, max_columns=max_columns, rename=rename
    )
    lines, cells = [], 0
    for line in found:
        lines.append(line)
        cells += sum(map(bool, line.cells.values()))
        if cells > MAX_CELLS:
            raise TooManyRowsError(N_("The file has more than %(limit)s cells."), limit=f"{MAX_CELLS:,}")
    problems = [line.too_long() for line in lines if line.is_too_long]
    if problems:
        raise RowsError(problems)
    return Sheet(columns, lines)


def open_sheet(
    source: Iterable[str],
    *,
    required: Collection[str],
    max_rows: int,
    max_columns: int = MAX_COLUMNS,
    rename: Callable[[str], str] = str,
) -> tuple[tuple[str, ...], Iterator[Line]]:
    """Return the columns of a sheet and its rows, which are read one by one: no more than one is in memory.

    `source` gives the lines of the file with their ends. Rows that are too long are given as well. Raises what
    `read_sheet` does, also when the rows are read.
    """
    records = _open_records(source)
    with _told_by_line(records):
        first: list[str] = next(records, [])
    columns = _header(first, required, max_columns, rename)
    return columns, _lines(records, columns, max_rows)


def read_records(source: Iterable[str]) -> Iterator[list[str]]:
    """Give the records of CSV without our guard, whatever separates their cells. Raises FileFormatError."""
    records = _open_records(source)
    with _told_by_line(records):
        for record in records:
            yield [unguarded(cell.strip()) for cell in record]


def _open_records(source: Iterable[str]) -> Any:
    remaining = iter(source)
    head, named = _head(remaining)
    return csv.reader(chain(head, remaining), delimiter=named or _separator_of(head), strict=True)


def write_sheet(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Return CSV (comma, LF) whose cells no spreadsheet runs as a formula; `read_sheet` undoes the guard."""
    cells = ([row.get(column, "") for column in columns] for row in rows)
    return write_table([columns, *cells], line_end="\n")


def split_separator(text: str) -> tuple[str, str]:
    """Return the separator that the first line of a text names for Excel (`sep=;`), or "", and what follows it."""
    named = _NAMED_SEPARATOR.match(text)
    return (named[1], text[named.end() :]) if named else ("", text)


def _head(lines: Iterator[str]) -> tuple[list[str], str]:
    """Return the lines up to the first that holds anything, and the separator that a line before it names.

    The mark that some files begin with is left out, and so is the line that names the separator: a spreadsheet
    does not count it either.
    """
    head: list[str] = []
    separator = ""
    for line in lines:
        head.append(line if head else line.removeprefix("\ufeff"))
        if not separator:
            separator, head[-1] = split_separator(head[-1])
            if separator:
                head.pop()
                continue
        if head[-1].strip("\r\n"):
            break
    return head, separator


def _separator_of(head: Sequence[str]) -> str:
    return max(",;\t", key=head[-1].count) if head else ","


@contextmanager
def _told_by_line(records: Any) -> Iterator[None]:
    """Turn what the CSV reader refuses into an error of ours that names the line."""
    try:
        yield
    except csv.Error as error:
        raise FileFormatError(
            N_("The file is not valid CSV near line %(line)s: %(fault)s."), line=records.line_num, fault=str(error)
        ) from None


def _header(
    cells: Sequence[str], required: Collection[str], max_columns: int, rename: Callable[[str], str]
) -> tuple[str, ...]:
    width = max((at for at, cell in enumerate(cells, start=1) if cell.strip()), default=0)
    if not width:
        raise FileFormatError(N_("The file is empty, or its first line is."))
    if width > max_columns:
        raise TooManyRowsError(N_("The file has more than %(limit)s columns."), limit=max_columns)
    columns = tuple(rename(unguarded(cell.strip())).strip() for cell in cells[:width])
    missing = [column for column in required if column not in columns]
    if missing:
        raise MissingColumnsError(
            N_("The first line must name the columns; missing: %(columns)s."),
            columns=tuple(missing),
            found=tuple(cell.strip() for cell in cells[:width]),
        )
    twice = sorted(column for column, count in Counter(columns).items() if count > 1 and column)
    if twice:
        raise FileFormatError(
            N_("A column may appear once only; more than once: %(columns)s."),
            columns=first_of(twice, _MOST_NAMED),
        )
    if "" in columns:
        raise FileFormatError(N_("Column %(number)s has no name in the first line."), number=columns.index("") + 1)
    return columns


def _lines(records: Iterable[list[str]], columns: tuple[str, ...], max_rows: int) -> Iterator[Line]:
    count = 0
    with _told_by_line(records):
        for number, record in enumerate(records, start=2):
            cells = [unguarded(cell.strip()) for cell in record]
            if not any(cells):
                continue
            count += 1
            if count > max_rows:
                raise TooManyRowsError(
                    N_("The file has more than %(limit)s rows. Split it and send the parts."),
                    limit=f"{max_rows:,}",
                )
            is_too_long = any(cells[len(columns) :])
            cells += [""] * (len(columns) - len(cells))
            yield Line(number, dict(zip(columns, cells, strict=False)), is_too_long)
