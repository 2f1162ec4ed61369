"""A worker reads and checks a long contact file, and tells how far it is; a short one is checked at once."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, BinaryIO

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.sealed_words import AboutFile
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.file_telling import FileTelling
from campaigns.audience.files.contact_reader import ContactFile, Ending, most_people, read_contacts
from campaigns.audience.files.import_report import Report, columns_to_name
from campaigns.audience.files.workbook_text import as_text_by, csv_of_workbook
from campaigns.audience.files.worker_reading import ALL, FAR, NOTHING_READ, READING, WorkerReading, find_unread
from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import is_list
from campaigns.audience.service import begin_check, dry_run, keep_checked, record
from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import MissingColumnsError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.disk_room import needing_room, scratch_file
from campaigns.core.limited.parent import rows_apart
from campaigns.core.processes.chores import do_for_each
from campaigns.core.wallclock import zone_named
from campaigns.staff.models import Organisation

#: Bytes of a file that a request reads itself: some hundreds of people.
SHORT = 40_000
#: How long a worker rests after each batch of people that it has looked up.
REST_SECONDS = 0.02
#: In the report of a file: what is done with its rows, and for how many seconds that was done.
_DOING, _SECONDS = "doing", "seconds"
_LOOKING_UP = "looking_up"
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class HowFar:
    """How far a worker is with a file."""

    rows: int
    of: int
    #: It is read already, and its people are looked up.
    is_read: bool
    #: Rows a second, and seconds that are left; None while nobody can know.
    speed: int | None
    seconds_left: int | None


def how_far(report: Mapping[str, Any]) -> HowFar | None:
    """Return how far a worker said to be with a file; None: nobody has begun."""
    rows, of, seconds = (report.get(name, 0) for name in (FAR, ALL, _SECONDS))
    if not of:
        return None
    speed = rows / seconds if rows and seconds else 0.0
    is_read = report.get(_DOING) == _LOOKING_UP
    return HowFar(rows, of, is_read, round(speed) or None, max(round((of - rows) / speed), 1) if speed else None)


def is_long(file: BinaryIO) -> bool:
    """Say whether a contact file, which is left at its beginning, is a worker's to read."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size > SHORT


def keep_unread(
    session: Session,
    organisation_id: int,
    file_name: str,
    data: bytes,
    *,
    telling: FileTelling,
    by: int,
    vault: Vault,
    instead_of: ContactImport | None = None,
) -> ContactImport:
    """Keep a contact file sealed until a worker has read it, and record who handed it in.

    Raises what `keep_file` raises.
    """
    unread = begin_check(session, organisation_id, file_name, by=by, vault=vault, instead_of=instead_of)
    unread.state, unread.report = ImportState.READING, dict(NOTHING_READ)
    kept = telling.to_line().encode() + b"\n" + data
    unread.sealed_file = vault.seal_bytes(kept, table="contact_import", column="sealed_file", row_id=unread.id)
    record(session, "contacts.hand_in", unread, by)
    return unread


def check_files(sessions: sessionmaker[Session], vault: Vault, max_rows: int, is_stopping: Event) -> int:
    """Read and check the contact files that wait for it, until this worker stops; return how many were.

    One that cannot be opened holds up no other. Raises ExceptionGroup with what went wrong.
    """

    with sessions() as session:
        most = most_people(max_rows, session.get_bind().dialect)

    def check(file_id: int) -> bool:
        reading = FileReading(sessions, vault, most, is_stopping, file_id)
        return not is_stopping.is_set() and reading.do()

    return do_for_each(
        find_unread(sessions, ~is_list()),
        check,
        doing="contact file {} was checked",
        told="contact files cannot be checked",
        at_once=(OperationalError, UnavailableError),
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    """What a file says, and what there is to say of it."""

    telling: FileTelling
    text: bytes
    ending: Ending
    report: Report


@dataclass
class FileReading(WorkerReading[_Checked]):
    """The check of one contact file."""

    refusing = "contacts.refuse"

    _began_at: float = field(default_factory=time.monotonic)
    #: The text that a child reads, and how many lines it has.
    _text: BinaryIO | None = None
    _lines: int = 0
    _furthest: int = 0

    def find(self, data: bytes, about: AboutFile) -> _Checked:
        """Return what a file says, and what an import of it would do."""
        begins = data.index(b"\n") + 1
        telling = FileTelling.from_line(data[: begins - 1].decode())
        with self._opened(memoryview(data)[begins:]) as text:
            try:
                with self._people(text, telling) as found:
                    report = self._dry_run(found)
            except MissingColumnsError as error:
                found, report = columns_to_name(error)
            text.seek(0)
            return _Checked(telling, text.read(), found.ending, report)

    def keep(self, session: Session, mine: ContactImport, found: _Checked) -> None:
        """Keep the file until a member decides."""
        ending, report = found.ending, found.report
        keep_checked(
            session, mine, found.text, ending=ending, report=report, telling=found.telling, vault=self.vault
        )

    def goes_on(self, **counts: object) -> bool:
        """Say now and then how far a child has read the file, too."""
        if self._text is not None and not counts:
            # The child reads the same open file, so that its place is known here.
            at = os.lseek(self._text.fileno(), 0, os.SEEK_CUR)
            share = min(at / max(os.fstat(self._text.fileno()).st_size, 1), 1.0)
            # A file of which lines are left out is read several times.
            self._furthest = max(self._furthest, int(share * self._lines))
            counts = self._told("reading", self._furthest, self._lines)
        return super().goes_on(**counts)

    @contextmanager
    def _opened(self, data: memoryview) -> Iterator[BinaryIO]:
        with scratch_file() as file:
            with needing_room():
                file.write(data)
                file.seek(0)
            rows = self.max_rows
            with as_text_by(lambda: rows_apart(READING, csv_of_workbook, file, max_rows=rows), file) as text:
                yield text

    @contextmanager
    def _people(self, text: BinaryIO, telling: FileTelling) -> Iterator[ContactFile]:
        """Give what a child reads in a contact file; a day in it is one where the organisation works."""
        with one_moment(self.sessions) as session:
            of = session.get_one(ContactImport, self.file_id).organisation_id
            zone = session.get_one(Organisation, of).time_zone
        self._lines, self._text = _count_lines(text), text
        now = clock.now().astimezone(zone_named(zone))
        with rows_apart(READING, read_contacts, text, telling=telling, max_rows=self.max_rows, now=now) as found:
            self._text = None
            yield ContactFile(*found)

    def _dry_run(self, found: ContactFile) -> Report:
        """Return what an import would do, all as of one moment, unless this worker stops: UnavailableError."""
        self._began_at = time.monotonic()
        with one_moment(self.sessions) as session:
            of = session.get_one(ContactImport, self.file_id).organisation_id
            going = ContactFile(self._resting(found.people, found.ending.rows), found.ending)
            return dry_run(session, of, going, vault=self.vault)

    def _resting(self, batches: Iterator[list[ContactRow]], rows: int) -> Iterator[list[ContactRow]]:
        done = 0
        for batch in batches:
            yield batch
            done += len(batch)
            self.goes_on(**self._told(_LOOKING_UP, done, rows))
            if self.is_stopping.wait(REST_SECONDS) or self.is_stopping.is_set():
                raise UnavailableError

    def _told(self, doing: str, rows: int, of: int) -> dict[str, object]:
        return {_DOING: doing, FAR: rows, ALL: of, _SECONDS: time.monotonic() - self._began_at}


def _count_lines(text: BinaryIO) -> int:
    """Return how many lines a text has, about as many as rows; it is left at its beginning."""
    text.seek(0)
    lines = sum(piece.count(b"\n") for piece in iter(lambda: text.read(_PIECE), b""))
    text.seek(0)
    return max(lines - 1, 1)
