"""A phone passes into other hands: who is silent for long is asked once whether to go on, and then left out.

The question is a campaign to those who are silent, approved as any other. Whatever somebody writes, but a stop,
brings them back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, AskedContact, Consent, ConsentKind, Contact
from campaigns.core.database import PAST_MEMORY
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
    asked = select(AskedContact.contact_id).where(AskedContact.contact_id == contact_id)
    if session.scalar(asked) is None:
        return
    gone = delete(AskedContact).where(AskedContact.contact_id == contact_id)
    session.execute(gone, execution_options=PAST_MEMORY)
    back = update(Contact).where(Contact.id == contact_id).values(silent_since=None)
    session.execute(back, execution_options=PAST_MEMORY)


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


def select_asked(organisation_id: int) -> Select[int, datetime, int, int]:
    """Select the runs that asked, when, how many people did not answer, and whom no campaign writes to any more.

    Of those who wrote since nobody is counted.
    """
    alike = (AskedContact.run_id, AskedContact.asked_at)
    columns = select(*alike, func.count(), func.count(Contact.silent_since))
    asked = owned(columns, AskedContact, organisation_id).join(Contact, Contact.id == AskedContact.contact_id)
    return asked.group_by(*alike)


@dataclass(frozen=True, slots=True)
class Silence:
    """How many people are silent and were not asked, and the runs that asked others, the latest first."""

    silent: int
    questions: list[Question]


def silence_from(rows: Iterable[tuple[Any, ...]]) -> Silence:
    """Return who is silent from the groups of a count (`counting.count_silent`)."""
    silent = 0
    asked: Counter[int] = Counter()
    left_out: Counter[int] = Counter()
    first: dict[int, datetime] = {}
    for what, run_id, asked_at, count in rows:
        if what == "silent":
            silent += count
            continue
        (asked if what == "asked" else left_out)[run_id] += count
        moment = datetime.fromisoformat(asked_at)
        first[run_id] = min(first.get(run_id, moment), moment)
    latest = sorted(first, key=lambda run_id: first[run_id], reverse=True)[:MOST_QUESTIONS]
    questions = [Question(run_id, first[run_id], asked[run_id], left_out[run_id]) for run_id in latest]
    return Silence(silent, questions)
