"""A worker reads and checks a long list of numbers that a member handed in, while the member does other work.

The request keeps the file as it is, sealed. What the worker finds is written down in one transaction at the end:
one that dies leaves the list as it was handed in, and another begins anew once the first is taken for dead.
"""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event
from typing import BinaryIO

from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.sealed_words import AboutFile, open_about, seal_about
from campaigns.audience.files.number_reader import NumbersEnding, read_numbers
from campaigns.audience.files.watch import spend_check
from campaigns.audience.files.workbook_text import as_text_by, csv_of_workbook
from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import OPTS_OUT
from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import FingerpostError, InputError, RowProblem, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.child_limits import Limits
from campaigns.core.limited.disk_room import needing_room, scratch_file
from campaigns.core.limited.parent import looking_up, rows_apart
from campaigns.core.processes.chores import do_for_each
from campaigns.inbox.holds.opted_out_list import LONGEST_NAME, NumberList, find_own, keep_checked, record

#: Bytes of a list that a request reads itself: some two thousand numbers.
SHORT = 40_000
#: What reading a list may cost, for which nobody waits.
READING = Limits(seconds=600, processor_seconds=300, answer_megabytes=400)
#: Numbers that are looked for at once, and how long a worker rests after them.
AT_ONCE, REST_SECONDS = 2000, 0.05
#: A worker that says nothing of a list for so long is taken for dead; how often it says something, in seconds.
CLAIMED_FOR, TOLD_EVERY = timedelta(minutes=1), 2.0
#: In the report of a list: until when a worker has it, and how many of its numbers were looked up.
_UNTIL, _LOOKED_UP, _ALL = "until", "looked_up", "all"


def is_long(file: BinaryIO) -> bool:
    """Say whether a list, which is left at its beginning, is a worker's to read."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size > SHORT


def keep_unread(
    session: Session,
    organisation_id: int,
    file_name: str,
    data: bytes,
    *,
    source: str,
    country: str | None,
    by: int,
    vault: Vault,
) -> ContactImport:
    """Keep a list sealed until a worker has read it, and record who handed it in.

    It counts as a contact file that was checked: raises QuotaError when there were too many lately.
    """
    spend_check(session, organisation_id, member_id=by)
    unread = ContactImport(
        organisation_id=organisation_id,
        member_id=by,
        state=ImportState.READING,
        report={OPTS_OUT: True, "done": 0, _LOOKED_UP: 0, _ALL: 0},
        created_at=clock.now(),
    )
    session.add(unread)
    session.flush()
    seal_about(unread, AboutFile(file_name[:LONGEST_NAME], source=source, country=country), vault)
    unread.sealed_file = vault.seal_bytes(data, table="contact_import", column="sealed_file", row_id=unread.id)
    record(session, "contacts.hand_in_opt_outs", unread, by, {})
    return unread


def check_lists(sessions: sessionmaker[Session], vault: Vault, max_rows: int, is_stopping: Event) -> int:
    """Read and check the lists that wait for it, until this worker stops; return how many were.

    One that cannot be opened holds up no other. Raises ExceptionGroup with what went wrong.
    """
    with one_moment(sessions) as session:
        # In words, so that both databases see that an index has them.
        unread = select(ContactImport.id).where(text(f"state = '{ImportState.READING}'"))
        waiting = session.scalars(unread.order_by(ContactImport.id)).all()
    return do_for_each(
        waiting,
        lambda list_id: not is_stopping.is_set() and Check(sessions, vault, max_rows, is_stopping, list_id).do(),
        doing="list {} was checked",
        told="lists of numbers that opted out cannot be checked",
        at_once=(OperationalError, UnavailableError),
    )


@dataclass
class Check:
    """The check of one list."""

    sessions: sessionmaker[Session]
    vault: Vault
    max_rows: int
    is_stopping: Event
    list_id: int
    _told_at: float = field(default_factory=time.monotonic)

    def do(self) -> bool:
        """Read the list and write down what it says, or why it is not taken; False: it waits still, or no more."""
        claimed = self._claim()
        if claimed is None:
            return False
        sealed, about = claimed
        data = self.vault.open_bytes(sealed, table="contact_import", column="sealed_file", row_id=self.list_id)
        try:
            with looking_up(self._goes_on):
                numbers, ending = self._read(data, about.country)
            own = self._count_own(numbers)
        except InputError as error:
            return self._refuse(error, about)
        except UnavailableError:
            # Whoever looks next begins anew.
            self._write(until=clock.now())
            if self.is_stopping.is_set():
                return False
            raise
        with self.sessions.begin() as session:
            mine = self._hold(session)
            if mine is not None:
                keep_checked(session, mine, NumberList(about.source, numbers), ending, own=own, vault=self.vault)
        return mine is not None

    def _claim(self) -> tuple[bytes, AboutFile] | None:
        """Take the list, and return its sealed file and what is said of it.

        None: another worker has it, or it waits no more.
        """
        now = clock.now()
        with self.sessions.begin() as session:
            mine = self._hold(session, skip_locked=True)
            if mine is None or (_UNTIL in mine.report and datetime.fromisoformat(mine.report[_UNTIL]) > now):
                return None
            mine.report = mine.report | {_UNTIL: (now + CLAIMED_FOR).isoformat(), _LOOKED_UP: 0, _ALL: 0}
            return mine.sealed_file or b"", open_about(mine, self.vault)

    def _hold(self, session: Session, *, skip_locked: bool = False) -> ContactImport | None:
        """Return the list, locked, as long as nobody has read or discarded it.

        What was found waits for whoever looks at the list in the same moment, so that it is not lost.
        """
        unread = ContactImport.id == self.list_id, ContactImport.state == ImportState.READING
        return session.scalar(select(ContactImport).where(*unread).with_for_update(skip_locked=skip_locked))

    def _read(self, data: bytes, country: str | None) -> tuple[list[str], NumbersEnding]:
        """Have the numbers read by a child, each once. Raises InputError, or UnavailableError: later it may go."""
        numbers: dict[str, None] = {}
        with scratch_file() as file:
            with needing_room():
                file.write(data)
                file.seek(0)
            with (
                as_text_by(
                    lambda: rows_apart(READING, csv_of_workbook, file, max_rows=self.max_rows), file
                ) as text,
                rows_apart(READING, read_numbers, text, default_country=country, max_rows=self.max_rows) as found,
            ):
                batches, ending = found
                for batch in batches:
                    numbers |= dict.fromkeys(batch)
        return list(numbers), ending

    def _count_own(self, numbers: Sequence[str]) -> int:
        """Count the organisation's contacts among the numbers, all as of one moment, unless this worker stops.

        Then UnavailableError is raised.
        """
        found: set[int] = set()
        with one_moment(self.sessions) as session:
            of = session.get_one(ContactImport, self.list_id).organisation_id
            for start in range(0, len(numbers), AT_ONCE):
                found |= find_own(session, of, numbers[start : start + AT_ONCE], self.vault)
                is_going = self._goes_on(**{_LOOKED_UP: start, _ALL: len(numbers)})
                if self.is_stopping.wait(REST_SECONDS) or not is_going:
                    raise UnavailableError
        return len(found)

    def _goes_on(self, **counts: int) -> bool:
        """Say now and then that this worker has the list, and how far it is; return whether it goes on."""
        if time.monotonic() - self._told_at >= TOLD_EVERY:
            self._told_at = time.monotonic()
            self._write(until=clock.now() + CLAIMED_FOR, **counts)
        return not self.is_stopping.is_set()

    def _write(self, *, until: datetime, **counts: int) -> None:
        with self.sessions.begin() as session:
            if (mine := self._hold(session)) is not None:
                mine.report = mine.report | {_UNTIL: until.isoformat(), **counts}

    def _refuse(self, error: FingerpostError, about: AboutFile) -> bool:
        """Write down why the list is not taken; of it only what the member said is kept, for another one."""
        with self.sessions.begin() as session:
            mine = self._hold(session)
            if mine is not None:
                mine.state, mine.sealed_file, mine.decided_at = ImportState.REFUSED, None, clock.now()
                values = {name: _told(value) for name, value in error.values.items()}
                why = RowProblem(0, "", error.template, values)
                seal_about(mine, replace(about, problems=[why]), self.vault)
                record(session, "contacts.refuse_opt_outs", mine, mine.member_id, {})
        return mine is not None


def _told(value: object) -> object:
    """Return a value of a sentence as it is kept."""
    return value if isinstance(value, int | float | str) else str(value)
