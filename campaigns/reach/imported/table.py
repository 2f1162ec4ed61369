"""A report as rows of text, whatever it came as: CSV in any coding and separator, or a workbook."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from python_calamine import CalamineError, CalamineWorkbook

from campaigns.core.errors import FileFormatError, TooManyRowsError
from campaigns.core.words import N_
from campaigns.places.sheet import decode_text, split_separator

MAX_BYTES = 5_000_000
MAX_ROWS, MAX_COLUMNS = 20_000, 200
#: What a workbook may unpack to, in bytes.
MAX_UNPACKED = 80_000_000
#: Lines above the header that platforms write: the name of the report, its period.
MAX_PREAMBLE = 15

_WORKBOOK = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
_FORMULA = re.compile(rb'<c\b[^>]*\br="([A-Z]{1,3})([0-9]{1,7})"[^>]*>\s*<f[\s>/]')
#: Says how many columns of a row are known to us.
Score = Callable[[Sequence[str]], int]


@dataclass(frozen=True, slots=True)
class Row:
    """One row below the header."""

    #: As a spreadsheet counts, from 1.
    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A report whose header was found."""

    columns: tuple[str, ...]
    rows: list[Row]
    #: What stands above the header.
    preamble: list[str]


def read_table(data: bytes, *, score: Score) -> Table:
    """Return the table of a file; its header is the row of which `score` knows most.

    Raises FileFormatError, and TooManyRowsError for a file that is larger than any report.
    """
    if not data.strip():
        raise FileFormatError(N_("The file is empty."))
    if len(data) > MAX_BYTES:
        raise TooManyRowsError(N_("The file has more than %(limit)s MB."), limit=MAX_BYTES // 1_000_000)
    if data.startswith(_OLD_WORKBOOK):
        raise FileFormatError(N_("This is a workbook of an old Excel. Save it as XLSX or CSV."))
    candidates = _sheets(data) if data.startswith(_WORKBOOK) else _separated(decode_text(data))
    found = [_cut(rows, score) for rows in candidates]
    best = max(found, key=lambda pair: pair[0], default=(0, None))
    if best[1] is None:
        raise FileFormatError(N_("No row of the file names columns that we know, such as reach and region."))
    return best[1]


def _cut(rows: list[Row], score: Score) -> tuple[int, Table | None]:
    """Return how well the header of some rows is known, and what stands around it."""
    if len(rows) > MAX_ROWS:
        raise TooManyRowsError(N_("The file has more than %(limit)s rows."), limit=f"{MAX_ROWS:,}")
    if any(len(row.cells) > MAX_COLUMNS for row in rows):
        raise TooManyRowsError(N_("The file has more than %(limit)s columns."), limit=MAX_COLUMNS)
    ranked = [(score(row.cells), -at) for at, row in enumerate(rows[:MAX_PREAMBLE])]
    known, at = max(ranked, default=(0, 0))
    if not known:
        return 0, None
    columns = rows[-at].cells
    below = [Row(row.line, _padded(row.cells, len(columns))) for row in rows[1 - at :] if any(row.cells)]
    # HXL writes its tags in a second row.
    below = below[1:] if below and any(cell.startswith("#") for cell in below[0].cells) else below
    return known, Table(columns, below, [" ".join(row.cells).strip() for row in rows[:-at] if any(row.cells)])


def _padded(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    return cells + ("",) * (width - len(cells))


def _separated(text: str) -> Iterable[list[Row]]:
    """Yield the rows of a text as each separator would cut them, or as the one that it names for Excel does."""
    named, text = split_separator(text)
    if named:
        yield _records(text, named)
        return
    for separator in ",;\t":
        if separator in text:
            yield _records(text, separator)
    if not any(separator in text for separator in ",;\t"):
        yield _records(text, ",")


def _records(text: str, separator: str) -> list[Row]:
    rows, records = [], csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for record in records:
            rows.append(Row(records.line_num, tuple(cell.strip() for cell in record)))
            if len(rows) > MAX_ROWS:
                break
    except csv.Error as error:
        raise FileFormatError(
            N_("The file is not valid CSV near line %(line)s: %(fault)s."), line=records.line_num, fault=str(error)
        ) from None
    return rows


def _sheets(data: bytes) -> Iterable[list[Row]]:
    """Yield the rows of each sheet of a workbook; a formula is written as one, whatever it came to."""
    try:
        formulas = _formulas(data)
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for number, name in enumerate(workbook.sheet_names, start=1):
            rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False, nrows=MAX_ROWS + 1)
            yield [
                Row(
                    line,
                    tuple(_cell(cell, (number, line, at) in formulas) for at, cell in enumerate(cells, start=1)),
                )
                for line, cells in enumerate(rows, start=1)
            ]
    except (CalamineError, zipfile.BadZipFile, OSError, ValueError, KeyError):
        raise FileFormatError(N_("This is not a workbook that can be read. Save it again, or as CSV.")) from None


def _formulas(data: bytes) -> set[tuple[int, int, int]]:
    """Return sheet, line and column of every formula. Raises TooManyRowsError for what unpacks to too much."""
    found = set()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(each.file_size for each in archive.infolist()) > MAX_UNPACKED:
            raise TooManyRowsError(N_("The workbook unpacks to more than any report."))
        for name in archive.namelist():
            if sheet := re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", name):
                for letters, line in _FORMULA.findall(archive.read(name)):
                    found.add((int(sheet[1]), int(line), _column(letters)))
    return found


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _cell(cell: object, is_formula: bool) -> str:
    """Write a cell as text: dates as 2026-03-31, whole numbers without decimals."""
    if is_formula:
        return "=…"
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return "" if cell is None else str(cell).strip()
