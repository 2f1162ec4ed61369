"""A worker reads and checks a long list of numbers that opted out, and counts the contacts among them."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import NamedTuple

from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.sealed_words import AboutFile, seal_about
from campaigns.audience.files.number_reader import NumbersEnding, read_numbers
from campaigns.audience.files.watch import spend_check
from campaigns.audience.files.worker_reading import (
    ALL,
    FAR,
    READING,
    UNREAD,
    WorkerReading,
    find_waiting,
    keep_for_worker,
)
from campaigns.audience.models import ContactImport, ImportState
from campaigns.audience.queries import OPTS_OUT, is_list
from campaigns.core import clock
from campaigns.core.database import one_moment
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.parent import rows_apart
from campaigns.core.processes.chores import do_for_each
from campaigns.inbox.holds.opted_out_list import LONGEST_NAME, NumberList, find_own, keep_checked, record

#: Numbers that are looked for at once, and how long a worker rests after them.
AT_ONCE, REST_SECONDS = 2000, 0.05


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
        report={OPTS_OUT: True, "done": 0},
        created_at=clock.now(),
    )
    session.add(unread)
    session.flush()
    seal_about(unread, AboutFile(file_name[:LONGEST_NAME], source=source, country=country), vault)
    keep_for_worker(unread, data, vault)
    record(session, "contacts.hand_in_opt_outs", unread, by, {})
    return unread


def check_lists(sessions: sessionmaker[Session], vault: Vault, max_rows: int, is_stopping: Event) -> int:
    """Read and check the lists that wait for it, until this worker stops; return how many were.

    One that cannot be opened holds up no other. Raises ExceptionGroup with what went wrong.
    """
    return do_for_each(
        find_waiting(sessions, UNREAD, is_list()),
        lambda list_id: (
            not is_stopping.is_set() and ListReading(sessions, vault, max_rows, is_stopping, list_id).do()
        ),
        doing="list {} was checked",
        told="lists of numbers that opted out cannot be checked",
    )


class _Found(NamedTuple):
    """What a list says."""

    source: str
    numbers: list[str]
    ending: NumbersEnding
    #: Contacts of the organisation among the numbers.
    own: int


class ListReading(WorkerReading[_Found]):
    """The check of one list."""

    refusing = "contacts.refuse_opt_outs"

    def find(self, data: bytes, about: AboutFile) -> _Found:
        """Return the numbers of a list, and how many contacts have one."""
        numbers, ending = self._read(data, about.country)
        return _Found(about.source, numbers, ending, self._count_own(numbers))

    def keep(self, session: Session, mine: ContactImport, found: _Found) -> None:
        """Keep the numbers until a member decides."""
        said = NumberList(found.source, found.numbers)
        keep_checked(session, mine, said, found.ending, own=found.own, vault=self.vault)

    def _read(self, data: bytes, country: str | None) -> tuple[list[str], NumbersEnding]:
        """Have the numbers read by a child, each once."""
        numbers: dict[str, None] = {}
        with (
            self.text_of(data) as text,
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
            of = session.get_one(ContactImport, self.file_id).organisation_id
            for start in range(0, len(numbers), AT_ONCE):
                found |= find_own(session, of, numbers[start : start + AT_ONCE], self.vault)
                is_going = self.goes_on(**{FAR: start, ALL: len(numbers)})
                if self.is_stopping.wait(REST_SECONDS) or not is_going:
                    raise UnavailableError
        return len(found)
