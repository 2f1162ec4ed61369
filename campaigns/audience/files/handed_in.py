"""Files of people are read by a child, and workbooks as the CSV that another child makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import BinaryIO

from campaigns.audience.file_telling import FileTelling
from campaigns.audience.files.contact_reader import ContactFile, most_people, read_contacts
from campaigns.audience.files.workbook_text import as_text_by, csv_of_workbook
from campaigns.core import clock
from campaigns.core.limited.child_limits import Limits
from campaigns.core.wallclock import zone_named
from campaigns.staff.auth import current_organisation
from campaigns.web.current import settings
from campaigns.web.session import database
from campaigns.web.uploads import rows_of_upload

#: What reading a contact file may cost: it may hold 100,000 people.
READING = Limits(seconds=180, processor_seconds=120, answer_megabytes=200)


def most_rows() -> int:
    """Return how many people a file may hold that a member hands in."""
    return most_people(settings().import_max_rows, database.engine.dialect)


def as_text(file: BinaryIO) -> AbstractContextManager[BinaryIO]:
    """Give a file as text: as it is, or as what a child makes of a workbook. Raises InputError."""
    return as_text_by(lambda: rows_of_upload(READING, csv_of_workbook, file, max_rows=most_rows()), file)


@contextmanager
def people_of(file: BinaryIO, telling: FileTelling) -> Iterator[ContactFile]:
    """Give what a child reads in a contact file; a day in it is one where the organisation works."""
    zone = current_organisation().time_zone
    with rows_of_upload(
        READING,
        read_contacts,
        file,
        telling=telling,
        max_rows=most_rows(),
        now=clock.now().astimezone(zone_named(zone)),
    ) as (people, ending):
        yield ContactFile(people, ending)
