"""An offer on which nobody decides in time, or whose receiver is gone, comes back: nobody waits unseen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, select, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.inbox.duty.queries import find_who_answers
from campaigns.inbox.handing_over.deciding import come_back
from campaigns.inbox.handing_over.models import IS_OPEN, IS_UNDECIDED, HandOver, OfferState


def return_due(sessions: sessionmaker[Session]) -> int:
    """Let offers come back on which nobody decided in time, or whose receiver is gone; return how many.

    Commits; nobody writes while there is none.
    """
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        is_due = session.scalar(_due(now).limit(1)) is not None
        gone = find_gone(session)
    if not is_due and not gone:
        return 0
    with sessions.begin() as session:
        return lapse(session, now=now) + leave_gone(session, gone, now=now)


def lapse(session: Session, *, now: datetime, most: int = 200) -> int:
    """Let offers come back on which nobody had decided at a moment (UTC); return how many."""
    return _end(session, _due(now).order_by(HandOver.id).limit(most), OfferState.LAPSED, now=now)


def find_gone(session: Session) -> Sequence[int]:
    """Return the ids of organisations with open offers in which nobody answers any more."""
    open_ones = select(HandOver.receiver_id).where(_lies_with_others(), text(IS_OPEN)).distinct()
    receivers = session.scalars(open_ones).all()
    return sorted(set(receivers) - find_who_answers(session, receivers).keys())


def leave_gone(session: Session, receiver_ids: Collection[int], *, now: datetime, most: int = 200) -> int:
    """Let what lies with these organisations come back, accepted or not, unless they helped; return how many."""
    if not receiver_ids:
        return 0
    left = select(HandOver).where(HandOver.receiver_id.in_(receiver_ids), _lies_with_others(), text(IS_OPEN))
    return _end(session, left.order_by(HandOver.id).limit(most), OfferState.GONE, now=now)


def _lies_with_others() -> ColumnElement[bool]:
    return and_(HandOver.receiver_id != HandOver.organisation_id, HandOver.helped_at.is_(None))


def _due(now: datetime) -> Select[HandOver]:
    return select(HandOver).where(text(IS_UNDECIDED), HandOver.due_at <= now)


def _end(session: Session, which: Select[HandOver], state: OfferState, *, now: datetime) -> int:
    held = session.scalars(which.with_for_update(skip_locked=True)).all()
    for handed in held:
        handed.state, handed.decided_at = state, now
    come_back(session, held)
    return len(held)
