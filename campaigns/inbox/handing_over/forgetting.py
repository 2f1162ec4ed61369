"""After 90 days counts are left of what was handed over: who to whom, when, and whether it helped."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.inbox.handing_over.models import HandOver, OfferState

#: So long after the last act on it.
KEPT_FOR = timedelta(days=90)
_AT_ONCE = 200


def forget_old(sessions: sessionmaker[Session]) -> int:
    """Forget what is old enough, a part at a time; commits, and returns how many."""
    before = clock.now() - KEPT_FOR
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        if session.scalar(select(HandOver.id).where(*_old(before)).limit(1)) is None:
            return 0
    with sessions.begin() as session:
        return forget(session, before=before)


def forget(session: Session, *, before: datetime) -> int:
    """Forget the words of offers on which nobody did anything since a moment (UTC); return how many."""
    old = select(HandOver).where(*_old(before)).order_by(HandOver.id).limit(_AT_ONCE)
    held = session.scalars(old.with_for_update(skip_locked=True)).all()
    for handed in held:
        handed.sealed_summary = handed.sealed_consent = handed.sealed_reason = None
        handed.language = handed.region_code = None
        handed.topics = []
        if handed.state == OfferState.ACCEPTED:
            # The receiver sees it no more, and the conversation may be offered anew.
            handed.state = OfferState.OVER
    session.flush()
    return len(held)


def _old(before: datetime) -> tuple[ColumnElement[bool], ...]:
    last = func.coalesce(HandOver.helped_at, HandOver.came_at, HandOver.decided_at, HandOver.offered_at)
    return HandOver.sealed_summary.is_not(None), last <= before
