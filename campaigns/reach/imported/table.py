"""A report becomes rows of text, whatever it came as: CSV in any coding and separator, or a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from campaigns.core.errors import FileFormatError, TooManyRowsError
from campaigns.core.words import N_
from campaigns.places.files.sheet_cells import decode_text, split_separator
from campaigns.places.files.workbook import Cells, Workbook

MAX_BYTES = 5_000_000
MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 20_000, 60, 400_000
#: Lines above the header that platforms write: the name of the report, its period.
MAX_PREAMBLE = 15

_WORKBOOK = b"PK\x03\x04"
_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
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
    readers = _sheets(data) if data.startswith(_WORKBOOK) else _separated(decode_text(data))
    best: tuple[int, Table | None] = (0, None)
    refused: TooManyRowsError | None = None
    for read in readers:
        try:
            best = max(best, _cut(read(), score), key=lambda pair: pair[0])
        except TooManyRowsError as error:
            # Another sheet may be the report, and another separator may part its columns.
            refused = refused or error
    if best[1] is None:
        raise refused or FileFormatError(
            N_("No row of the file names columns that we know, such as reach and region.")
        )
    return best[1]


def _cut(rows: list[Row], score: Score) -> tuple[int, Table | None]:
    """Return how well the header of some rows is known, and what stands around it."""
    if len(rows) > MAX_ROWS:
        raise TooManyRowsError(N_("The file has more than %(limit)s rows."), limit=f"{MAX_ROWS:,}")
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


def _separated(text: str) -> Iterable[Callable[[], list[Row]]]:
    """Give what reads a text as each separator would cut it, or as the one that it names for Excel does."""
    named, text = split_separator(text)
    separators = [named] if named else [one for one in ",;\t" if one in text] or [","]
    return [partial(_records, text, separator) for separator in separators]


def _records(text: str, separator: str) -> list[Row]:
    rows, budget, records = [], _Budget(), csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for record in records:
            rows.append(budget.row(records.line_num, {at: cell.strip() for at, cell in enumerate(record) if cell}))
            if len(rows) > MAX_ROWS:
                break
    except csv.Error as error:
        raise FileFormatError(
            N_("The file is not valid CSV near line %(line)s: %(fault)s."), line=records.line_num, fault=str(error)
        ) from None
    return rows


def _sheets(data: bytes) -> Iterable[Callable[[], list[Row]]]:
    """Give what reads each sheet of a workbook."""
    return (partial(_rows, sheet) for sheet in Workbook(io.BytesIO(data)).sheets())


def _rows(sheet: Iterator[Cells]) -> list[Row]:
    budget = _Budget()
    return [budget.row(cells.line, cells.texts) for cells in islice(sheet, MAX_ROWS + 1)]


class _Budget:
    """Makes rows, and counts what they hold, so that none is larger than any report."""

    def __init__(self) -> None:
        self._cells = 0

    def row(self, line: int, texts: Mapping[int, str]) -> Row:
        """Return the row that has these texts by column. Raises TooManyRowsError."""
        width = max(texts, default=-1) + 1
        if width > MAX_COLUMNS:
            raise TooManyRowsError(N_("The file has more than %(limit)s columns."), limit=MAX_COLUMNS)
        self._cells += len(texts)
        if self._cells > MAX_CELLS:
            raise TooManyRowsError(N_("The file has more than %(limit)s cells."), limit=f"{MAX_CELLS:,}")
        return Row(line, tuple(texts.get(at, "") for at in range(width)))
