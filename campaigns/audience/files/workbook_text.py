"""A workbook of people becomes CSV, so that it is kept and read as every other file; no database here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from campaigns.audience.files.contact_reader import MOST_COLUMNS
from campaigns.core.errors import FileFormatError, TooManyRowsError
from campaigns.core.limited.disk_room import needing_room, scratch_file
from campaigns.core.spreadsheets import write_own_line
from campaigns.core.words import N_
from campaigns.places.files.sheet_cells import is_workbook
from campaigns.places.files.workbook import Cells, Workbook

#: Empty lines that a sheet may have between its people.
MOST_EMPTY = 1000


@contextmanager
def as_text_by(
    read_lines: Callable[[], AbstractContextManager[tuple[Iterator[str], int]]], file: BinaryIO
) -> Iterator[BinaryIO]:
    """Give a file as text: as it is, or of a workbook the lines that `read_lines` has a child make of it.

    Raises what that raises, and UnavailableError where the disk has no room for them.
    """
    if not is_workbook(file):
        yield file
        return
    with scratch_file() as text:
        with read_lines() as (lines, _count), needing_room():
            text.writelines(line.encode() for line in lines)
            text.seek(0)
        yield text


def csv_of_workbook(file: BinaryIO, *, max_rows: int) -> Generator[str, None, int]:
    """Give the first sheet that holds anything, row by row in the lines where they stand; return how many lines.

    Raises FileFormatError for what is no workbook, or an empty one; TooManyRowsError for a large one.
    """
    line = 0
    for sheet in Workbook(file).sheets():
        for row in sheet:
            if row.line > max_rows + MOST_EMPTY:
                raise TooManyRowsError(
                    N_("The file has more than %(limit)s rows. Split it and send the parts."),
                    limit=f"{max_rows:,}",
                )
            # A row above the one before is not from any usual program; it comes behind it.
            gap = max(row.line - line - 1, 0)
            line += gap + 1
            yield "\n" * gap + _as_line(row)
        if line:
            return line
    raise FileFormatError(N_("The file is empty, or its first line is."))


def _as_line(row: Cells) -> str:
    width = max(row.texts, default=-1) + 1
    if width > MOST_COLUMNS:
        raise TooManyRowsError(N_("The file has more than %(limit)s columns."), limit=MOST_COLUMNS)
    return write_own_line([row.texts.get(at, "") for at in range(width)])
