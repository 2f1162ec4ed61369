"""Reads of what was sent to whoever asked for a code, and of whom a number is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.leave_requests import LeaveRequest
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.delivery.lanes.sender_health import may_be_used
from campaigns.leaving.budgets import DAY, HOUR, LOOKED_BACK, Budgets
from campaigns.planning.models import Sender


def load_budgets(
    session: Session, requests: Sequence[LeaveRequest], *, cents_a_day: int, now: datetime
) -> Budgets:
    """Return what was sent lately that counts for these requests."""
    numbers, prefixes = {each.number for each in requests}, {each.prefix for each in requests}
    budgets, sent = Budgets(cents_a_day), LeaveRequest
    budgets.of_number.update(_sums(session, sent.number, func.count(), sent.number.in_(numbers), now - DAY))
    budgets.of_prefix.update(_sums(session, sent.prefix, func.count(), sent.prefix.in_(prefixes), now - HOUR))
    budgets.spent.update(_sums(session, sent.organisation_id, func.sum(sent.cents), sent.cents > 0, now - DAY))
    for prefix, last, typed in session.execute(_select_last(prefixes)):
        budgets.last[prefix], budgets.typed[prefix] = last, typed
    return budgets


def find_reachable(session: Session, numbers: Collection[bytes]) -> dict[bytes, Address]:
    """Return by number the oldest address for text messages whose person has agreed and said no stop."""
    theirs = select(Address).where(
        Address.number.in_(numbers), Address.channel == Channel.SMS, Address.state == AddressState.ACTIVE
    )
    found = session.scalars(theirs.order_by(Address.id.desc()))
    return {each.number: each for each in found if each.number is not None}


def load_senders(session: Session, organisation_ids: Collection[int]) -> Sequence[Sender]:
    """Return the senders of text messages that may be used now, of these organisations and shared ones."""
    ours = or_(Sender.organisation_id.in_(organisation_ids), Sender.organisation_id.is_(None))
    return session.scalars(
        select(Sender).where(ours, Sender.channel == Channel.SMS, may_be_used()).order_by(Sender.id)
    ).all()


def _sums(session: Session, key: Any, value: Any, among: Any, since: datetime) -> dict[Any, int]:
    rows = select(key, value).where(among, LeaveRequest.sent_at > since).group_by(key)
    return {row[0]: int(row[1]) for row in session.execute(rows)}


def _select_last(prefixes: Collection[bytes]) -> Select[*tuple[Any, ...]]:
    place = func.row_number().over(partition_by=LeaveRequest.prefix, order_by=LeaveRequest.id.desc())
    columns = (LeaveRequest.prefix, LeaveRequest.completed_at, place.label("place"))
    sent = select(*columns).where(LeaveRequest.prefix.in_(prefixes), LeaveRequest.sent_at.is_not(None)).subquery()
    last = sent.c.place <= LOOKED_BACK
    return select(sent.c.prefix, func.count(), func.count(sent.c.completed_at)).where(last).group_by(sent.c.prefix)
