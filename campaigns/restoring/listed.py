"""Providers' lists of our senders are held against our rows, to find messages that this database does not know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.lanes.sender_facts import SenderFacts, facts_of
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.states import SendState
from campaigns.gateways.base import ProviderMessage
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Run, RunSender, Sender

#: A provider's clock may be behind ours.
SLACK = timedelta(minutes=2)
#: A run that ended so long before a message was listed has nothing to do with it.
_RUNS_BEFORE = timedelta(days=1)
#: States of a call whose message may be in the list although we know no id of it.
DOUBTFUL = (SendState.SENDING, SendState.UNKNOWN, SendState.UNCONFIRMED)

#: The senders of one account on one channel; they share the provider's list.
Account = tuple[SenderFacts, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """A listed message to somebody of ours whose id no delivery has."""

    message: ProviderMessage
    #: Whether it is from one of our senders. A provider may name another one than we did.
    is_from_us: bool
    #: Addresses that it went to, by their contacts: a handle may be one in several organisations.
    addresses: dict[int, int]


def load_accounts(session: Session, *among: ColumnElement[bool], also: Select[int] | None = None) -> list[Account]:
    """Return every sender that may be used, those of runs that may go on and those of `also`, by account."""
    needed = select(RunSender.sender_id).join(Run, Run.id == RunSender.run_id).where(Run.state.in_(LIVING))
    ids = needed if also is None else needed.union(also)
    senders = session.scalars(
        select(Sender).where(or_(Sender.active, Sender.id.in_(ids)), *among).order_by(Sender.id)
    ).all()
    accounts: defaultdict[tuple[str, str, str], list[SenderFacts]] = defaultdict(list)
    for sender in senders:
        accounts[sender.gateway, sender.secret_name, sender.channel].append(facts_of(sender))
    return [tuple(account) for account in accounts.values()]


def find_unknown(
    session: Session, account: Account, page: Sequence[ProviderMessage], *, vault: Vault, since: datetime
) -> list[Unknown]:
    """Return the messages of a page, listed since a time, to people of ours that no delivery names.

    They are whoever's that uses the account; `is_from_us` tells which name a sender of ours.
    """
    identities, channel = {"", *(sender.identity for sender in account)}, account[0].channel
    by_lookup: defaultdict[bytes, list[ProviderMessage]] = defaultdict(list)
    for message in page:
        if not message.is_automatic:
            by_lookup[vault.lookup_hash(channel, message.to)].append(message)
    addresses: defaultdict[bytes, dict[int, int]] = defaultdict(dict)
    found = select(Address.lookup, Address.contact_id, Address.id).where(
        Address.lookup.in_(by_lookup), Address.channel == channel
    )
    for lookup, contact_id, address_id in session.execute(found):
        addresses[lookup][contact_id] = address_id
    contacts = {contact_id for people in addresses.values() for contact_id in people}
    known = _known_ids(session, contacts, since)
    return [
        Unknown(message, message.sender in identities, people)
        for lookup, people in addresses.items()
        for message in by_lookup[lookup]
        if message.provider_id not in known
    ]


def find_unexplained(session: Session, unknown: Sequence[Unknown], since: datetime) -> list[Unknown]:
    """Return those that no call of ours explains whose reply was lost: for each such call there may be one."""
    contacts = {contact_id for each in unknown for contact_id in each.addresses}
    lost = and_(Delivery.send_state == SendState.ACCEPTED, Delivery.provider_id.is_(None))
    calls = select(Delivery.contact_id).where(
        Delivery.contact_id.in_(contacts),
        Delivery.run_id.in_(select_recent(since)),
        or_(Delivery.send_state.in_(DOUBTFUL), lost),
    )
    doubtful = Counter(session.scalars(calls))
    unexplained = []
    for each in unknown:
        explaining = next((contact_id for contact_id in each.addresses if doubtful[contact_id]), None)
        if explaining is None:
            unexplained.append(each)
        else:
            doubtful[explaining] -= 1
    return unexplained


def _known_ids(session: Session, contacts: Collection[int], since: datetime) -> set[str]:
    """Return the provider's ids of the deliveries to contacts, of those that failed on an earlier channel too."""
    theirs = (Delivery.contact_id.in_(contacts), Delivery.run_id.in_(select_recent(since)))
    earlier = select(Attempt.provider_id).join(Delivery, Delivery.id == Attempt.delivery_id).where(*theirs)
    ids = session.scalars(select(Delivery.provider_id).where(*theirs).union_all(earlier))
    return {provider_id for provider_id in ids if provider_id is not None}


def select_recent(since: datetime) -> Select[int]:
    """Select the runs that messages since a time may be of."""
    lately = or_(Run.finished_at.is_(None), Run.finished_at >= since - _RUNS_BEFORE)
    return select(Run.id).where(~Run.is_rehearsal, lately)
