"""A phone passes into other hands: who is silent for long is asked once whether to go on, and then left out.

The question is a campaign to those who are silent, approved as any other. Whatever somebody writes, but a stop,
brings them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, AskedContact, Consent, ConsentKind, Contact
from campaigns.staff.queries import owned

#: Runs that one page lists.
MOST_QUESTIONS = 50


def is_silent(days: int, *, now: datetime) -> list[ColumnElement[bool]]:
    """Match contacts who neither wrote nor agreed for so many days, and whom nobody has asked since."""
    since = now - timedelta(days=days)
    heard = exists().where(Address.contact_id == Contact.id, Address.heard_at >= since)
    agreed = exists().where(
        Consent.contact_id == Contact.id, Consent.kind == ConsentKind.GRANTED, Consent.given_at >= since
    )
    asked = exists().where(AskedContact.contact_id == Contact.id)
    return [Contact.created_at < since, ~asked, ~heard, ~agreed]


def hear_again(session: Session, contact_id: int) -> None:
    """Let campaigns write to somebody again, who wrote."""
    past_memory = {"synchronize_session": False}
    asked = select(AskedContact.contact_id).where(AskedContact.contact_id == contact_id)
    if session.scalar(asked) is None:
        return
    gone = delete(AskedContact).where(AskedContact.contact_id == contact_id)
    session.execute(gone, execution_options=past_memory)
    back = update(Contact).where(Contact.id == contact_id).values(silent_since=None)
    session.execute(back, execution_options=past_memory)


@dataclass(frozen=True, slots=True)
class Question:
    """A run that asked people whether to go on, and how many of them have not answered it."""

    run_id: int
    asked_at: datetime
    without_answer: int
    #: Of those, whom no campaign writes to any more.
    left_out: int


def select_silent(organisation_id: int, days: int, *, now: datetime) -> Select[int]:
    """Select how many of an organisation's people are silent for so many days and were not asked."""
    silent = owned(select(func.count(Contact.id)), Contact, organisation_id)
    agreed = exists().where(Address.contact_id == Contact.id, Address.state == AddressState.ACTIVE)
    return silent.where(Contact.erased_at.is_(None), agreed, *is_silent(days, now=now))


def find_questions(session: Session, organisation_id: int) -> list[Question]:
    """Return the runs that asked, the latest first; of those who wrote since nobody is counted."""
    asked_at = func.min(AskedContact.asked_at)
    columns = select(AskedContact.run_id, asked_at, func.count(), func.count(Contact.silent_since))
    asked = owned(columns, AskedContact, organisation_id).join(Contact, Contact.id == AskedContact.contact_id)
    rows = session.execute(asked.group_by(AskedContact.run_id).order_by(asked_at.desc()).limit(MOST_QUESTIONS))
    return [Question(*row) for row in rows]
