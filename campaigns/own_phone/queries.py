"""Reads of a member's own phone and of what was sent to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from campaigns.delivery.models import Delivery
from campaigns.own_phone.models import TestText
from campaigns.planning.models import Sender
from campaigns.staff.models import MemberPhone

#: As many of the last test messages are shown.
SHOWN = 10


def find_phone(session: Session, member_id: int) -> MemberPhone | None:
    """Return the phone of a member, proved or not."""
    return session.scalar(select(MemberPhone).where(MemberPhone.member_id == member_id))


def count_tests(session: Session, member_id: int, *, since: datetime) -> int:
    """Count the test messages that a member asked for since a moment (UTC); codes are none."""
    asked = select(func.count()).select_from(TestText).where(TestText.member_id == member_id, ~TestText.is_code)
    return session.scalar(asked.where(TestText.asked_at > since)) or 0


def sum_cents(session: Session, organisation_id: int, *, since: datetime) -> int:
    """Return what an organisation spent at most on texts to members' phones since a moment, in cents."""
    spent = select(func.sum(TestText.cents)).where(TestText.organisation_id == organisation_id)
    return session.scalar(spent.where(TestText.asked_at > since)) or 0


def load_tests(session: Session, member_id: int, organisation_id: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return the last test messages of a member in an organisation with what became of them, newest first.

    Codes are left out: whether one was sent tells of a number that nobody proved whether it said stop.
    """
    columns = (TestText, Delivery.send_state, Delivery.receipt_state, Delivery.error, Delivery.receipt_error)
    return session.execute(
        select(*columns, Sender.name.label("sender"))
        .join(Delivery, Delivery.run_id == TestText.run_id)
        .join(Sender, Sender.id == Delivery.sender_id)
        .where(TestText.member_id == member_id, TestText.organisation_id == organisation_id, ~TestText.is_code)
        .order_by(TestText.run_id.desc())
        .limit(SHOWN)
    ).all()
