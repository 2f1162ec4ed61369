"""Reads of whom a number or link is and what they said, and of what was sent to whoever asked for a code."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.person import find_person
from campaigns.audience.models import REFUSALS, Address, AddressState, Channel, Consent, ConsentKind
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import SendState
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.models import Reply
from campaigns.leaving.budgets import DAY, HOUR, LOOKED_BACK, Budgets
from campaigns.leaving.models import LeaveRequest


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


def find_reachable(session: Session, numbers: Collection[bytes]) -> list[int]:
    """Return the ids of all addresses for text messages with one of the numbers whose people said no stop."""
    theirs = select(Address.id).where(
        Address.number.in_(numbers), Address.channel == Channel.SMS, Address.state == AddressState.ACTIVE
    )
    return list(session.scalars(theirs))


def has_agreed_since(session: Session, address: Address, moment: datetime) -> bool:
    """Say whether the person of an address agreed to be written to after a moment."""
    lines = exists().where(Consent.address_id.in_(_find_theirs(session, address)), Consent.recorded_at > moment)
    agreed = Consent.kind.in_((ConsentKind.GRANTED, ConsentKind.LIFTED))
    return bool(session.scalar(select(lines.where(agreed))))


def is_gone(session: Session, address: Address) -> bool:
    """Say whether the person of an address left already, on every channel, and nothing waits for them.

    Nor may a member answer them: after a stop that is so again once they wrote something else.
    """
    ids = _find_theirs(session, address)
    stays = exists().where(Address.id.in_(ids), Address.state != AddressState.OPTED_OUT)
    contacts = select(Address.contact_id).where(Address.id.in_(ids))
    waits = exists().where(Delivery.contact_id.in_(contacts), in_state(SendState.QUEUED))
    return not session.scalar(select(stays | waits | _asked_since(ids)))


def _asked_since(ids: Collection[int]) -> ColumnElement[bool]:
    """Match if one of these addresses refused, and the last word from there is a later one."""
    refused = select(func.max(Consent.given_at)).where(
        Consent.address_id == Address.id, Consent.kind.in_(REFUSALS)
    )
    return exists().where(
        Address.id.in_(ids),
        Conversation.contact_id == Address.contact_id,
        Conversation.channel == Address.channel,
        Reply.id == Conversation.last_reply_id,
        Reply.received_at > refused.scalar_subquery(),
    )


def _find_theirs(session: Session, address: Address) -> set[int]:
    return find_person(session, [HashedHandle.of(address).phone], [address.lookup])


def _sums(session: Session, key: Any, value: Any, among: Any, since: datetime) -> dict[Any, int]:
    rows = select(key, value).where(among, LeaveRequest.sent_at > since).group_by(key)
    return {row[0]: int(row[1]) for row in session.execute(rows)}


def _select_last(prefixes: Collection[bytes]) -> Select[*tuple[Any, ...]]:
    place = func.row_number().over(partition_by=LeaveRequest.prefix, order_by=LeaveRequest.id.desc())
    columns = (LeaveRequest.prefix, LeaveRequest.completed_at, place.label("place"))
    sent = select(*columns).where(LeaveRequest.prefix.in_(prefixes), LeaveRequest.sent_at.is_not(None)).subquery()
    last = sent.c.place <= LOOKED_BACK
    return select(sent.c.prefix, func.count(), func.count(sent.c.completed_at)).where(last).group_by(sent.c.prefix)
