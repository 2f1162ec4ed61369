"""Whoever may be in danger and speaks with the team gets nothing from campaigns meanwhile, but for corrections."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, select
from sqlalchemy.orm import Session

from campaigns.audience.models import UrgentContact
from campaigns.core.database import insert_or

#: A conversation in which nobody wrote for so long holds nothing back any more, closed or not.
URGENT_FOR = timedelta(days=3)


def note_urgent(session: Session, contact_id: int, *, at: datetime) -> None:
    """Hold campaigns back from somebody, from a moment (UTC) on."""
    noting = insert_or(session, UrgentContact).values(contact_id=contact_id, since=at)
    session.execute(noting.on_conflict_do_update(index_elements=["contact_id"], set_={"since": at}))


def forget_urgent(session: Session, contact_id: int) -> None:
    """Let campaigns write to somebody again."""
    session.execute(delete(UrgentContact).where(UrgentContact.contact_id == contact_id))


def select_urgent_since(since: datetime | ColumnElement[datetime]) -> Select[int]:
    """Select the ids of contacts to whom no campaign writes; `since` is URGENT_FOR before the moment (UTC)."""
    return select(UrgentContact.contact_id).where(UrgentContact.since > since)


def select_urgent(*, now: datetime, after: int, through: int) -> Select[int]:
    """Select the ids, in (after, through], of contacts to whom no campaign writes at a moment (UTC)."""
    urgent = select_urgent_since(now - URGENT_FOR)
    return urgent.where(UrgentContact.contact_id > after, UrgentContact.contact_id <= through)
