"""Every CSV file that leaves the system has all cells in quotes, and none that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

#: Spreadsheets take a file without it for their own code page and show Cyrillic as rubbish.
BYTE_ORDER_MARK = "\ufeff"

Cell = str | int

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), also in the full width of CJK.
_SIGNS = r"=+\-@＝＋－＠"
# Where a cell begins for a program that does not part ours by commas: in most of Europe semicolons part them, and
# quotes that do not follow one part nothing, so that even the line break in a cell is one between rows.
_PARTED = r"(^|[;\t\r\n])"
_LEAD = r"(?:[^\S\t\r\n]|[\"'])*"
_RUN = re.compile(rf"{_PARTED}({_LEAD}[{_SIGNS}][^;\t\r\n]*)")
_GUARDED = re.compile(rf"{_PARTED}'({_LEAD}[{_SIGNS}])")
#: What runs nothing though it begins with a sign: a number below zero, and the dash for "nothing".
_HARMLESS = re.compile(r"-(?:\d+(?:\.\d+)?(?:[eE]-?\d+)?)?", re.ASCII)


def write_table(rows: Iterable[Sequence[Cell]], *, line_end: str = "\r\n") -> str:
    """Return rows as CSV that opens in any spreadsheet and runs nothing in it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=line_end)
    writer.writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


def write_own_line(cells: Sequence[str]) -> str:
    """Return one line of CSV for our own reader, cells as they are: what leaves the system is never written so."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def guarded(cell: Cell) -> Cell:
    """Return a cell with an apostrophe before each of its parts that a spreadsheet would take for a formula."""
    return _RUN.sub(_with_apostrophe, cell) if isinstance(cell, str) else cell


def unguarded(cell: str) -> str:
    """Return what `guarded` was given."""
    if "'" not in cell:
        return cell
    return _GUARDED.sub(r"\1\2", cell)


def _with_apostrophe(found: re.Match[str]) -> str:
    part = found[2]
    return found[0] if _HARMLESS.fullmatch(part.rstrip()) else f"{found[1]}'{part}"
