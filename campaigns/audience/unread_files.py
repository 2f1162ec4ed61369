"""A worker checks a long contact file, and imports one of many rows; it tells how far it is.

What is short is checked, and imported, at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event
from typing import Any, BinaryIO

from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.sealed_words import AboutFile, open_about, seal_about
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.file_telling import FileTelling
from campaigns.audience.files import worker_reading
from campaigns.audience.files.contact_reader import ContactFile, Ending, most_people, read_contacts
from campaigns.audience.files.import_report import Report, columns_to_name
from campaigns.audience.files.worker_reading import (
    ALL,
    CONFIRMED,
    FAR,
    READING,
    UNTAKEN_AFTER,
    WorkerReading,
    find_waiting,
    is_untaken,
    keep_for_worker,
    waiting_since_now,
)
from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import is_list
from campaigns.audience.service import begin_check, keep_checked, keep_imported, record, require_undecided
from campaigns.audience.taking_in import dry_run, import_people, made_beforehand
from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import FingerpostError, MissingColumnsError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.parent import rows_apart
from campaigns.core.processes.chores import do_for_each
from campaigns.core.wallclock import zone_named
from campaigns.staff.models import Organisation

#: Rows that a request imports itself, if they are no long file.
FEW = 500
#: How long a worker rests after each batch of people that it has looked up.
REST_SECONDS = 0.02
#: In the report of a file: what is done with its rows, and for how many seconds that was done.
_DOING, _SECONDS = "doing", "seconds"
_READING, _LOOKING_UP, _MAKING, _WRITING = "reading", "looking_up", "making", "writing"
#: Nobody else can write meanwhile: a worker says no more of it before it is done. For so long that is believed.
_WRITING_UNTOLD, UNTOLD_FOR = "writing_untold", timedelta(minutes=15)
_PIECE = 1 << 20
#: Rests after a batch that took some seconds, and says whether to go on.
Rest = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class HowFar:
    """How far a worker is with a file."""

    rows: int
    of: int
    #: What is done with them.
    doing: str
    #: Rows a second, and seconds that are left; None while nobody can know.
    speed: int | None
    seconds_left: int | None

    @property
    def is_told(self) -> bool:
        """Say whether a worker tells how many rows it was done with."""
        return self.doing != _WRITING_UNTOLD


def how_far(report: Mapping[str, Any]) -> HowFar | None:
    """Return how far a worker said to be with a file; None: nobody has begun."""
    rows, of, seconds = (report.get(name, 0) for name in (FAR, ALL, _SECONDS))
    if not of:
        return None
    speed = rows / seconds if rows and seconds else 0.0
    doing = report.get(_DOING, _READING)
    return HowFar(rows, of, doing, round(speed) or None, max(round((of - rows) / speed), 1) if speed else None)


def seems_untaken(report: Mapping[str, Any]) -> bool:
    """Say whether no worker seems to have a file, or to write it."""
    return is_untaken(report, UNTOLD_FOR if report.get(_DOING) == _WRITING_UNTOLD else UNTAKEN_AFTER)


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
    # Also where it is not taken, for another one.
    seal_about(unread, replace(open_about(unread, vault), telling=telling.to_line()), vault)
    keep_for_worker(unread, telling.to_line().encode() + b"\n" + data, vault)
    record(session, "contacts.hand_in", unread, by)
    return unread


def is_with_worker(file: ContactImport) -> bool:
    """Say whether a worker is to read a file, or to import it, or does so."""
    is_confirmed = file.state == ImportState.CHECKED and file.confirmed_by_id is not None
    return file.state == ImportState.READING or is_confirmed


def is_for_worker(file: ContactImport) -> bool:
    """Say whether a worker imports a file that was checked: it is long, or has many rows, and none is wrong."""
    rows, is_wrong = file.report.get("rows", 0), file.report.get("bad_rows")
    return rows > 0 and not is_wrong and (rows > FEW or len(file.sealed_file or b"") > worker_reading.SHORT)


def leave_to_worker(session: Session, waiting: ContactImport, *, by: int) -> None:
    """Leave the import of a checked file to a worker. Raises TransitionError when it is decided already."""
    session.refresh(waiting, with_for_update=True)
    require_undecided(waiting)
    waiting.confirmed_by_id, waiting.report = by, {**waiting.report, **waiting_since_now()}
    record(session, "contacts.confirm", waiting, by, rows=waiting.report["rows"])


def check_files(
    sessions: sessionmaker[Session], vault: Vault, max_rows: int, is_stopping: Event, rest: Rest | None = None
) -> int:
    """Read and check the contact files that wait for it, until this worker stops; return how many were.

    One that cannot be opened holds up no other. Raises ExceptionGroup with what went wrong.
    """

    def check(file_id: int) -> bool:
        return FileReading(sessions, vault, max_rows, is_stopping, file_id, rest=rest).do_unless_stopping()

    waiting = find_waiting(sessions, FileReading.waits, ~is_list())
    told = "contact files cannot be checked"
    return do_for_each(waiting, check, doing="contact file {} was checked", told=told)


def import_files(
    sessions: sessionmaker[Session], vault: Vault, max_rows: int, is_stopping: Event, rest: Rest | None = None
) -> int:
    """Import the contact files that members have confirmed, as `check_files` checks them."""

    def take_in(file_id: int) -> bool:
        return FileImport(sessions, vault, max_rows, is_stopping, file_id, rest=rest).do_unless_stopping()

    waiting = find_waiting(sessions, FileImport.waits, ~is_list())
    told = "contact files cannot be imported"
    return do_for_each(waiting, take_in, doing="contact file {} was imported", told=told)


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

    rest: Rest | None = None
    _began_at: float = field(default_factory=time.monotonic)
    #: The text that a child reads, and how many lines it has.
    _text: BinaryIO | None = None
    _lines: int = 0
    _furthest: int = 0

    def __post_init__(self) -> None:
        """Take as many people as this database may have in one file."""
        with self.sessions() as session:
            dialect = session.get_bind().dialect
        self.max_rows = most_people(self.max_rows, dialect)

    def do_unless_stopping(self) -> bool:
        """Do it, unless this worker stops."""
        return not self.is_stopping.is_set() and self.do()

    def find(self, data: bytes, about: AboutFile) -> _Checked:
        """Return what a file says, and what an import of it would do."""
        with self.opened(data) as (text, telling):
            try:
                with self.people(text, telling) as found:
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
            counts = self._told(_READING, self._furthest, self._lines)
        return super().goes_on(**counts)

    @contextmanager
    def opened(self, data: bytes) -> Iterator[tuple[BinaryIO, FileTelling]]:
        """Give the text of a kept file, and what a member says of it."""
        begins = data.index(b"\n") + 1
        with self.text_of(memoryview(data)[begins:]) as text:
            yield text, FileTelling.from_line(data[: begins - 1].decode())

    @contextmanager
    def people(self, text: BinaryIO, telling: FileTelling) -> Iterator[ContactFile]:
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
        with one_moment(self.sessions) as session:
            of = session.get_one(ContactImport, self.file_id).organisation_id
            going = ContactFile(self.resting(found, _LOOKING_UP), found.ending)
            return dry_run(session, of, going, vault=self.vault)

    def resting(self, found: ContactFile, doing: str) -> Iterator[list[ContactRow]]:
        """Give the people of a file, telling how far it is; raise UnavailableError once this worker stops."""
        self._began_at, done = time.monotonic(), 0
        for batch in found.people:
            began = time.monotonic()
            yield batch
            done += len(batch)
            is_going = self.goes_on(**self._told(doing, done, found.ending.rows))
            if not (is_going and self.goes_on_rested(time.monotonic() - began)) or self.is_stopping.is_set():
                raise UnavailableError

    def goes_on_rested(self, seconds: float) -> bool:
        """Rest after a batch that took some seconds; return whether to go on."""
        return self.rest(seconds) if self.rest else not self.is_stopping.wait(REST_SECONDS)

    def _told(self, doing: str, rows: int, of: int) -> dict[str, object]:
        return {_DOING: doing, FAR: rows, ALL: of, _SECONDS: time.monotonic() - self._began_at}


class FileImport(FileReading):
    """The import of one file that a member has confirmed: all of it is there in the end, or nothing."""

    waits = CONFIRMED

    def work(self, data: bytes, about: AboutFile) -> bool:
        """Write the people of a file, unless somebody discards it meanwhile."""
        with self.opened(data) as (text, telling), self.people(text, telling) as found, self.sessions() as session:
            session.connection(execution_options={"read_only": True})
            of = session.get_one(ContactImport, self.file_id).organisation_id
            session.rollback()
            making, going = (
                ContactFile(self.resting(found, doing), found.ending) for doing in (_MAKING, _WRITING)
            )
            with made_beforehand(session, of, making, vault=self.vault) as made:
                if made is not None:
                    self._tell_once(found.ending.rows)
                report = import_people(session, of, going, vault=self.vault, made=made)
            # Not held before: whoever discards it would wait until all of it is written.
            mine = self.hold(session)
            if mine is not None:
                keep_imported(session, mine, report, by=mine.confirmed_by_id, vault=self.vault)
                session.commit()
            return mine is not None

    def _tell_once(self, rows: int) -> None:
        """Say that all is written from now on, where nobody else can write meanwhile."""
        if not self.goes_on_telling(**self._told(_WRITING_UNTOLD, 0, rows)):
            raise UnavailableError

    def refuse(self, error: FingerpostError, about: AboutFile) -> bool:
        """Have a file checked anew that is wrong by now, such as one whose place was deleted."""
        with self.sessions.begin() as session:
            if (mine := self.hold(session)) is not None:
                mine.state, mine.confirmed_by_id, mine.report = (
                    ImportState.READING,
                    None,
                    dict(waiting_since_now()),
                )
        return False


def _count_lines(text: BinaryIO) -> int:
    """Return how many lines a text has, about as many as rows; it is left at its beginning."""
    text.seek(0)
    lines = sum(piece.count(b"\n") for piece in iter(lambda: text.read(_PIECE), b""))
    text.seek(0)
    return max(lines - 1, 1)
