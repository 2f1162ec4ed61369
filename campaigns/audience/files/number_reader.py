"""Reads a file that is nothing but a list of phone numbers, one a row; no database here."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from campaigns.audience.consent.handles import read_number
from campaigns.audience.files.contact_columns import COLUMN_NAMES, our_name
from campaigns.audience.files.contact_reader import text_of
from campaigns.core.errors import MOST_PROBLEMS, AddressError, FileFormatError, RowProblem, TooManyRowsError
from campaigns.core.words import N_
from campaigns.places.files.sheet_cells import read_records, recognise_coding

#: Numbers that are given together.
BATCH = 500
#: Columns that only a file of contacts has: whoever takes one page for the other would opt out all of them.
_OF_CONTACTS = ("language", "other_language", "consent_date", "consent_how")
#: Letters of a column's name that are told.
_LONGEST_TOLD = 40


@dataclass(frozen=True, slots=True)
class NumbersEnding:
    """What there is to say of a list of numbers once all of it was read."""

    #: Rows that hold anything, without the first line if it names the column.
    rows: int
    #: Rows that are no number, and what is wrong with the first of them; no number is in it.
    bad_rows: int
    problems: list[RowProblem]


def read_numbers(
    file: BinaryIO, *, default_country: str | None, max_rows: int
) -> Generator[list[str], None, NumbersEnding]:
    """Give the numbers of a list (E.164), BATCH at a time, and return what else there is to say.

    They stand in the column that is called so, or in the first one of a file whose first line is a number already.
    Raises FileFormatError, also for a file of contacts, or TooManyRowsError. The file stays open.
    """
    problems: list[RowProblem] = []
    batch: list[str] = []
    rows = bad_rows = 0
    for line, cell in _cells(text_of(file, recognise_coding(file))):
        rows += 1
        if rows > max_rows:
            raise TooManyRowsError(
                N_("The file has more than %(limit)s rows. Split it and send the parts."), limit=f"{max_rows:,}"
            )
        try:
            batch.append(read_number(cell, default_country=default_country)[0])
        except AddressError as error:
            bad_rows += 1
            problems += (
                [] if bad_rows > MOST_PROBLEMS else [RowProblem(line, "number", error.template, error.values)]
            )
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
    return NumbersEnding(rows, bad_rows, problems)


def _cells(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Give the cell of each row that should be a number, and its line."""
    column, is_first = 0, True
    for line, cells in enumerate(read_records(lines), start=1):
        if not any(cells):
            continue
        if is_first and _is_header(cells):
            column = _column_of(cells)
        else:
            yield line, cells[column] if column < len(cells) else ""
        is_first = False


def _is_header(cells: list[str]) -> bool:
    # Some names of columns have digits, as "ISO3166-2".
    return not any(map(str.isdecimal, "".join(cells))) or any(our_name(cell) in COLUMN_NAMES for cell in cells)


def _column_of(header: list[str]) -> int:
    named = [our_name(cell) for cell in header]
    for name, column in zip(named, header, strict=True):
        if name in _OF_CONTACTS:
            raise FileFormatError(
                N_(
                    "This is a file of contacts, as its column “%(column)s” says:"
                    " hand in a list of nothing but the numbers that opted out."
                ),
                column=column[:_LONGEST_TOLD],
            )
    return named.index("number") if "number" in named else 0
