"""Spreadsheets as people send them: CSV in any usual encoding and separator, read into lines and written back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from campaigns.core.errors import FileFormatError, RowProblem, RowsError, TooManyRowsError
from campaigns.core.words import N_

#: What a workbook begins with: it is a zip archive.
_WORKBOOK = b"PK\x03\x04"
#: Cells that a spreadsheet would run as a formula start with one of these.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet."""

    #: As a spreadsheet counts: the header is line 1.
    number: int
    #: Trimmed text by column; "" where the cell is empty.
    cells: Mapping[str, str]


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
    if data.startswith(_WORKBOOK):
        raise FileFormatError(N_("This is an Excel workbook. Save the sheet as CSV (UTF-8) and try again."))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        codings: tuple[str, ...] = ("utf-16",)
    elif b"\0" in data[:200]:
        codings = ("utf-16-le" if data[1:2] == b"\0" else "utf-16-be",)
    else:
        codings = ("utf-8-sig", "cp1251")
    for coding in codings:
        try:
            text = data.decode(coding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, coding.removesuffix("-sig").removesuffix("-le").removesuffix("-be")
    raise FileFormatError(N_("This is not a text file. Save the sheet as CSV (UTF-8) and try again."))


def read_sheet(
    text: str, *, required: Collection[str], max_rows: int, rename: Callable[[str], str] = str
) -> Sheet:
    """Read a sheet separated by commas, semicolons or tabs; `rename` turns a column's name into ours.

    Raises FileFormatError for a broken file or header, TooManyRowsError for a long one, RowsError for long rows.
    """
    text = text.removeprefix("\ufeff")
    records = csv.reader(io.StringIO(text, newline=""), delimiter=_separator_of(text), strict=True)
    try:
        columns = _header([rename(cell.strip()) for cell in next(records, [])], required)
        return Sheet(columns, _lines(records, columns, max_rows))
    except csv.Error as error:
        raise FileFormatError(
            N_("The file is not valid CSV near line %(line)s: %(fault)s."), line=records.line_num, fault=str(error)
        ) from None


def write_sheet(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> str:
    """Return CSV (comma, LF) whose cells no spreadsheet runs as a formula; `read_sheet` undoes the guard."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_guarded(row.get(column, "")) for column in columns] for row in rows)
    return out.getvalue()


def _separator_of(text: str) -> str:
    header = text.lstrip("\r\n").partition("\n")[0]
    return max(",;\t", key=header.count)


def _header(cells: list[str], required: Collection[str]) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in cells)
    while columns and not columns[-1]:
        columns = columns[:-1]
    if not columns:
        raise FileFormatError(N_("The file is empty, or its first line is."))
    missing = [column for column in required if column not in columns]
    if missing:
        raise FileFormatError(
            N_("The first line must name the columns; missing: %(columns)s."), columns=", ".join(missing)
        )
    twice = sorted({column for column in columns if columns.count(column) > 1})
    if any(twice):
        raise FileFormatError(
            N_("A column may appear once only; more than once: %(columns)s."),
            columns=", ".join(filter(None, twice)),
        )
    if "" in columns:
        raise FileFormatError(N_("Column %(number)s has no name in the first line."), number=columns.index("") + 1)
    return columns


def _lines(records: Iterable[list[str]], columns: tuple[str, ...], max_rows: int) -> list[Line]:
    lines: list[Line] = []
    problems: list[RowProblem] = []
    for number, record in enumerate(records, start=2):
        cells = [_unguarded(cell.strip()) for cell in record]
        if not any(cells):
            continue
        if len(lines) == max_rows:
            raise TooManyRowsError(
                N_("The file has more than %(limit)s rows. Split it and send the parts."), limit=f"{max_rows:,}"
            )
        if any(cells[len(columns) :]):
            problems.append(RowProblem(number, "", N_("there are more cells than columns in the first line.")))
        cells += [""] * (len(columns) - len(cells))
        lines.append(Line(number, dict(zip(columns, cells, strict=False))))
    if problems:
        raise RowsError(problems)
    return lines


def _guarded(cell: str) -> str:
    return f"'{cell}" if _runs(cell) and not _is_harmless(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _runs(cell) else cell


def _runs(cell: str) -> bool:
    return cell.lstrip("'").startswith(_FORMULA_STARTS)


def _is_harmless(cell: str) -> bool:
    if cell == "-":
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
