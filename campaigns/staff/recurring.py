"""Events without end, such as wrong passwords, are counted in one row and told to the audit once an hour.

The first one of a kind is told at once. Kinds are bounded by members, tokens and pages, so no stranger can fill
the audit trail or hide in its length.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from campaigns.core.database import insert_or
from campaigns.staff import audit
from campaigns.staff.models import RecurringEvent

#: How often the audit trail is told of one kind, and how long a kind is remembered of which nothing is untold.
TOLD_EVERY, FORGOTTEN_AFTER = timedelta(hours=1), timedelta(days=1)
#: Kinds that are told in one transaction: each entry holds the chain of the audit trail.
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event: what an audit entry of it says. `what` names a page or operation, never a person."""

    action: str
    subject_type: str
    subject_id: int
    organisation_id: int | None = None
    member_id: int | None = None
    what: str = ""

    @property
    def key(self) -> str:
        """Return what stands for all of it in the unique column."""
        values = (
            *(self.action, self.subject_type, self.subject_id, self.organisation_id, self.member_id),
            self.what,
        )
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@dataclass(slots=True)
class _Subject:
    __tablename__: str
    id: int


def note(session: Session, event: Event, *, now: datetime) -> None:
    """Count one event, and tell the audit trail unless it was told within the hour."""
    row = _counted(session, event, now)
    if row.told_at <= now - TOLD_EVERY:
        _tell(session, row, now)


def tell_rest(session: Session, *, now: datetime) -> int:
    """Tell the audit trail of what happened since it was told last, an hour ago or more; return how many kinds."""
    due = (
        select(RecurringEvent)
        .where(RecurringEvent.told_at <= now - TOLD_EVERY, RecurringEvent.untold > 0)
        .order_by(RecurringEvent.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    rows = session.scalars(due).all()
    for row in rows:
        _tell(session, row, now)
    idle = RecurringEvent.told_at <= now - FORGOTTEN_AFTER
    session.execute(delete(RecurringEvent).where(idle, RecurringEvent.untold == 0))
    return len(rows)


def is_anything_due(session: Session, *, now: datetime) -> bool:
    """Say whether `tell_rest` has anything to do; only reads."""
    untold = and_(RecurringEvent.told_at <= now - TOLD_EVERY, RecurringEvent.untold > 0)
    due = or_(untold, RecurringEvent.told_at <= now - FORGOTTEN_AFTER)
    return session.scalar(select(RecurringEvent.id).where(due).limit(1)) is not None


def _counted(session: Session, event: Event, now: datetime) -> RecurringEvent:
    """Return the row of a kind with one more untold, held until the transaction ends."""
    adding = insert_or(session, RecurringEvent).values(
        key=event.key,
        action=event.action,
        subject_type=event.subject_type,
        subject_id=event.subject_id,
        organisation_id=event.organisation_id,
        member_id=event.member_id,
        what=event.what,
        untold=1,
        # As if it had been told long ago: the first one is told at once.
        told_at=now - TOLD_EVERY,
    )
    counting = adding.on_conflict_do_update(index_elements=["key"], set_={"untold": RecurringEvent.untold + 1})
    returning = counting.returning(RecurringEvent).execution_options(populate_existing=True)
    row: RecurringEvent = session.scalars(returning).one()
    return row


def _tell(session: Session, row: RecurringEvent, now: datetime) -> None:
    times, row.untold, row.told_at = row.untold, 0, now
    detail = {"times": times} | ({"what": row.what} if row.what else {})
    audit.record(
        session,
        row.action,
        subject=_Subject(row.subject_type, row.subject_id),
        organisation_id=row.organisation_id,
        member_id=row.member_id,
        **detail,
    )
