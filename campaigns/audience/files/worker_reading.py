"""A worker reads and checks a file that a member handed in, while the member does other work.

The request keeps the file as it is, sealed. What the worker finds is written down in one transaction at the end:
one that dies leaves the file as it was handed in, and another begins anew once the first is taken for dead.
"""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from secrets import token_hex
from threading import Event
from typing import Any, BinaryIO, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, TextClause, select, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.sealed_words import AboutFile, open_about, seal_about
from campaigns.audience.files.workbook_text import as_text_by, csv_of_workbook
from campaigns.audience.models import ContactImport, ImportState
from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import BrokenOffError, FingerpostError, InputError, RowProblem, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.child_limits import Limits
from campaigns.core.limited.disk_room import needing_room, scratch_file
from campaigns.core.limited.parent import looking_up, rows_apart
from campaigns.staff import audit

#: Bytes of a file that a request reads itself: some hundreds of people, or some two thousand numbers.
SHORT = 40_000
#: What reading a file may cost for which nobody waits.
READING = Limits(seconds=600, processor_seconds=300, answer_megabytes=400)
#: A worker that says nothing of a file for so long is taken for dead; how often it says something, in seconds.
CLAIMED_FOR, TOLD_EVERY = timedelta(minutes=1), 2.0
#: SQLite writes a whole row anew, with the file in it: of one of so many bytes a worker says less often.
HEAVY, HEAVY_TOLD_EVERY = 1 << 20, 20.0
#: How often a file is tried that finds no room or no turn, once in CLAIMED_FOR, before it is refused.
MOST_TRIES = 10
#: In the report of a file: which reading has it and until when, how often it was tried, and how much of all
#: it has seen.
_WHOSE, _UNTIL, _TRIES, FAR, ALL = "whose", "until", "tries", "far", "all"
#: After how long a member is told that no worker has taken a file.
UNTAKEN_AFTER = timedelta(minutes=1)
#: What a report says of a file of which nothing is read.
NOTHING_READ: Mapping[str, object] = {FAR: 0, ALL: 0}
Found = TypeVar("Found")


#: In words, so that both databases see that an index has them.
UNREAD = text(f"state = '{ImportState.READING}'")
CONFIRMED = text(f"confirmed_by_id IS NOT NULL AND state = '{ImportState.CHECKED}'")


def find_waiting(sessions: sessionmaker[Session], state: TextClause, kind: ColumnElement[bool]) -> list[int]:
    """Return the files of a kind that wait for a worker as they stand, or have one, the first one first."""
    with one_moment(sessions) as session:
        waiting = select(ContactImport.id).where(state, kind)
        return list(session.scalars(waiting.order_by(ContactImport.id)))


def waiting_since_now() -> Mapping[str, object]:
    """Return what a report says of a file that waits from now on: nothing is read of it."""
    return {**NOTHING_READ, _UNTIL: clock.now().isoformat()}


def is_untaken(report: Mapping[str, Any], patience: timedelta = UNTAKEN_AFTER) -> bool:
    """Say whether a file waits for a minute already without any worker that has it."""
    return _UNTIL in report and clock.now() - datetime.fromisoformat(report[_UNTIL]) > patience


def is_long(file: BinaryIO) -> bool:
    """Say whether a file, which is left at its beginning, is a worker's to read."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size > SHORT


def keep_for_worker(unread: ContactImport, data: bytes, vault: Vault) -> None:
    """Keep a flushed file sealed until a worker has read it; it waits from now on."""
    unread.state, unread.report = ImportState.READING, {**unread.report, **waiting_since_now()}
    unread.sealed_file = vault.seal_bytes(data, table="contact_import", column="sealed_file", row_id=unread.id)


@dataclass
class WorkerReading(ABC, Generic[Found]):
    """The reading of one file."""

    #: How a file stands that waits for this.
    waits: ClassVar[TextClause] = UNREAD
    #: By what the audit log says that a file was not taken.
    refusing: ClassVar[str]

    sessions: sessionmaker[Session]
    vault: Vault
    max_rows: int
    is_stopping: Event
    file_id: int
    _told_at: float = field(default_factory=time.monotonic)
    #: What tells this reading from others, which time it is, and whether the file is no more this one's.
    _key: str = field(default_factory=lambda: token_hex(8))
    _tries: int = 0
    _is_heavy: bool = False
    _is_lost: bool = False

    @abstractmethod
    def find(self, data: bytes, about: AboutFile) -> Found:
        """Return what is found in a file. Raises InputError, or UnavailableError: later it may go."""

    @abstractmethod
    def keep(self, session: Session, mine: ContactImport, found: Found) -> None:
        """Write down what was found in the place of the file as it was handed in, and record the check."""

    def do(self) -> bool:
        """Read the file and write down what it says, or why it is not taken; False: it waits still, or no more."""
        claimed = self._claim()
        if claimed is None:
            return False
        sealed, about = claimed
        data = self.vault.open_bytes(sealed, table="contact_import", column="sealed_file", row_id=self.file_id)
        try:
            with looking_up(self.goes_on):
                return self._work_twice(data, about)
        except (InputError, UnavailableError) as error:
            if self._is_lost:
                return False
            if self.is_stopping.is_set():
                # Whatever went wrong may be of the stop. Whoever looks next begins anew.
                self._write(until=clock.now())
                return False
            if isinstance(error, UnavailableError) and self._tries < MOST_TRIES:
                # Not at once: others that wait may find room.
                self._write(until=clock.now() + CLAIMED_FOR, **{_TRIES: self._tries})
                raise
            return self.refuse(error, about)

    def _work_twice(self, data: bytes, about: AboutFile) -> bool:
        """Work; and once more after a signal to a child: whoever stops this worker may end the child first."""
        try:
            return self.work(data, about)
        except BrokenOffError:
            return self.work(data, about)

    def work(self, data: bytes, about: AboutFile) -> bool:
        """Write down what is found in a file; False: it waits no more. Raises what `find` raises."""
        found = self.find(data, about)
        with self.sessions.begin() as session:
            mine = self.hold(session)
            if mine is not None:
                self.keep(session, mine, found)
        return mine is not None

    @contextmanager
    def text_of(self, data: bytes | memoryview) -> Iterator[BinaryIO]:
        """Give what was handed in as text: as it is, or as what a child makes of a workbook."""
        with scratch_file() as file:
            with needing_room():
                file.write(data)
                file.seek(0)
            rows = self.max_rows
            with as_text_by(lambda: rows_apart(READING, csv_of_workbook, file, max_rows=rows), file) as text:
                yield text

    def goes_on(self, **counts: object) -> bool:
        """Say now and then that this worker has the file, and how far it is; return whether it goes on.

        It does not once somebody has discarded the file, or another worker took this one for dead.
        """
        if time.monotonic() - self._told_at >= (HEAVY_TOLD_EVERY if self._is_heavy else TOLD_EVERY):
            return self.goes_on_telling(**counts)
        return not self._is_lost and not self.is_stopping.is_set()

    def goes_on_telling(self, **counts: object) -> bool:
        """Say it at once, and return whether this worker goes on."""
        self._told_at = time.monotonic()
        self._write(until=clock.now() + CLAIMED_FOR, **counts)
        return not self._is_lost and not self.is_stopping.is_set()

    def _claim(self) -> tuple[bytes, AboutFile] | None:
        """Take the file, and return its sealed bytes and what is said of it.

        None: another worker has it, or it waits no more.
        """
        now = clock.now()
        with self.sessions.begin() as session:
            mine = self.hold(session, skip_locked=True)
            if mine is None or (_UNTIL in mine.report and datetime.fromisoformat(mine.report[_UNTIL]) > now):
                return None
            self._tries = mine.report.get(_TRIES, 0) + 1
            until = (now + CLAIMED_FOR).isoformat()
            mine.report = {**mine.report, **NOTHING_READ, _WHOSE: self._key, _UNTIL: until}
            sealed = mine.sealed_file or b""
            self._is_heavy = len(sealed) > HEAVY and session.get_bind().dialect.name == "sqlite"
            return sealed, open_about(mine, self.vault)

    def hold(self, session: Session, *, skip_locked: bool = False) -> ContactImport | None:
        """Return the file, locked, as long as it waits for this: nobody has done it, or discarded the file.

        What was found waits for whoever looks at the file in the same moment, so that it is not lost.
        """
        waiting = select(ContactImport).where(ContactImport.id == self.file_id, self.waits)
        # Another session may have changed the row that this one has seen.
        waiting = waiting.with_for_update(skip_locked=skip_locked).execution_options(populate_existing=True)
        return session.scalar(waiting)

    def _write(self, *, until: datetime, **counts: object) -> None:
        with self.sessions.begin() as session:
            mine = self.hold(session)
            self._is_lost = mine is None or mine.report.get(_WHOSE) != self._key
            if mine is not None and not self._is_lost:
                mine.report = mine.report | {_UNTIL: until.isoformat(), **counts}

    def refuse(self, error: FingerpostError, about: AboutFile) -> bool:
        """Write down why the file is not taken; of it only what the member said is kept, for another one."""
        with self.sessions.begin() as session:
            mine = self.hold(session)
            if mine is not None:
                mine.state, mine.sealed_file, mine.decided_at = ImportState.REFUSED, None, clock.now()
                values = {name: _told(value) for name, value in error.values.items()}
                why = RowProblem(0, "", error.template, values)
                seal_about(mine, replace(about, problems=[why]), self.vault)
                of, by = mine.organisation_id, mine.member_id
                audit.record(session, self.refusing, subject=mine, organisation_id=of, member_id=by)
        return mine is not None


def _told(value: object) -> object:
    """Return a value of a sentence as it is kept."""
    return value if isinstance(value, int | float | str) else str(value)
