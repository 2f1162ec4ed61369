"""The audit trail has one entry for each act that changes state, chained by hash to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import BusyError
from campaigns.core.words import N_
from campaigns.staff.models import AuditEntry

#: What the first entry is chained to.
GENESIS = "0" * 64
#: Key of the advisory lock that keeps PostgreSQL's writers of the chain in line ("audit" in ASCII).
CHAIN_LOCK = 0x6175646974
#: For so long the result of a look is shown again: to read every entry takes seconds.
LOOKED_FOR = timedelta(minutes=5)
#: Details that count people or what was sent to them: exact in the chain, and to data managers alone.
COUNTS_PEOPLE = frozenset(
    {
        "people",
        "deliveries",
        "suppressed",
        "rows",
        "bad_rows",
        "numbers",
        "added",
        "updated",
        "said_stop",
        "addresses",
    }
)


class Subject(Protocol):
    """A flushed row: what an act was about."""

    __tablename__: str

    @property
    def id(self) -> Any: ...


def record(
    session: Session,
    action: str,
    *,
    subject: Subject,
    organisation_id: int | None,
    member_id: int | None = None,
    **detail: Any,
) -> AuditEntry:
    """Add the entry of one act to the chain; `detail` holds ids, counts and names of settings only.

    Holds the chain until the transaction ends, so it is called last in a service function. `member_id` is
    None when the system itself acted.
    """
    acts = [(subject, detail)]
    return record_all(session, action, acts, organisation_id=organisation_id, member_id=member_id)[0]


def record_unnamed(session: Session, action: str, *, subject: Subject, organisation_id: int) -> AuditEntry:
    """Add the entry of what somebody did who gives no name, as `record` does, with its day (UTC) alone."""
    at = clock.day_of(clock.now())
    return _add(session, action, [(subject, {})], organisation_id=organisation_id, member_id=None, at=at)[0]


def record_all(
    session: Session,
    action: str,
    acts: Iterable[tuple[Subject, Mapping[str, Any]]],
    *,
    organisation_id: int | None,
    member_id: int | None = None,
) -> list[AuditEntry]:
    """Add an entry for each of many acts alike, each a subject with its detail, as `record` does for one."""
    return _add(session, action, acts, organisation_id=organisation_id, member_id=member_id, at=clock.now())


def _add(
    session: Session,
    action: str,
    acts: Iterable[tuple[Subject, Mapping[str, Any]]],
    *,
    organisation_id: int | None,
    member_id: int | None,
    at: datetime,
) -> list[AuditEntry]:
    _hold_chain(session)
    previous = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)) or GENESIS
    entries = []
    for subject, detail in acts:
        entry = AuditEntry(
            at=at,
            organisation_id=organisation_id,
            member_id=member_id,
            action=action,
            subject_type=subject.__tablename__,
            subject_id=subject.id,
            # As the database gives it back: what is hashed must not depend on tuples or enums.
            detail=json.loads(json.dumps(detail)),
            previous_hash=previous,
        )
        entry.hash = previous = hash_of(entry)
        entries.append(entry)
    session.add_all(entries)
    session.flush()
    return entries


def hash_of(entry: AuditEntry | Row[Any]) -> str:
    """Return the SHA-256 (hexadecimal) over an entry's content and the hash before it."""
    content = [
        entry.previous_hash,
        entry.at.isoformat(timespec="microseconds"),
        entry.organisation_id,
        entry.member_id,
        entry.action,
        entry.subject_type,
        entry.subject_id,
        entry.detail,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def verify_chain(session: Session) -> int | None:
    """Return the id of the first entry that does not fit the chain, or None when the chain is whole."""
    expected = GENESIS
    # Columns, not entities: what the session remembers must not stand in for what is stored.
    entries = select(*AuditEntry.__table__.columns).order_by(AuditEntry.id).execution_options(yield_per=1000)
    with session.execute(entries) as rows:
        for entry in rows:
            if entry.previous_hash != expected or entry.hash != hash_of(entry):
                return int(entry.id)
            expected = entry.hash
    return None


@dataclass(frozen=True, slots=True)
class ChainLook:
    """What a look at the whole chain found."""

    at: datetime
    #: Id of the first entry that does not fit, or None.
    broken: int | None


class ChainLooks:
    """Looks at the whole chain for the pages of one process: one at a time, and not again for a while."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last: ChainLook | None = None

    def look(self, session: Session) -> ChainLook:
        """Return the last look if it is new, else look. Raises BusyError while another request looks."""
        last, now = self._last, clock.now()
        if last is not None and last.at <= now < last.at + LOOKED_FOR:
            return last
        if not self._lock.acquire(blocking=False):
            raise BusyError(N_("The audit log is being checked for somebody else. Try again in a minute."))
        try:
            self._last = ChainLook(now, verify_chain(session))
            return self._last
        finally:
            self._lock.release()


def _hold_chain(session: Session) -> None:
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})
