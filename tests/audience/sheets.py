"""Whole contact files as lists, for tests that look at single rows."""

from __future__ import annotations

import io
from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import datetime

from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.file_telling import NOTHING_TOLD, FileTelling
from campaigns.audience.files.contact_reader import ContactFile, ContactReader, Ending
from campaigns.core.errors import RowProblem


@dataclass(frozen=True, slots=True)
class ContactSheet:
    """A file as read: good rows and what is wrong with the others."""

    rows: list[ContactRow]
    problems: list[RowProblem]


def read_contacts(
    text: str,
    *,
    default_country: str | None,
    max_rows: int,
    now: datetime,
    batch: int = 1000,
    telling: FileTelling = NOTHING_TOLD,
) -> ContactSheet:
    """Read a contact file to its end, `batch` people at a time."""
    lines = io.StringIO(text, newline="")
    told = replace(telling, default_country=default_country)
    reader = ContactReader(lines, telling=told, max_rows=max_rows, now=now)
    rows = [row for rows in reader.batches(batch) for row in rows]
    return ContactSheet(rows, reader.wrong.problems)


def read_out(reading: Generator[list[ContactRow], None, Ending]) -> ContactFile:
    """Return a file that was read to its end."""
    people = []
    while True:
        try:
            people.append(next(reading))
        except StopIteration as end:
            return ContactFile(iter(people), end.value)
