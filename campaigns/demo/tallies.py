"""The demo counts how a run fared over each of its senders, and whether a provider without a list agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import RunSender, Sender

FELL_BACK = "fell_back"


@dataclass(frozen=True, slots=True)
class SenderTally:
    """What became of the people of one sender."""

    name: str
    channel: Channel
    #: People whom it was to write to when the run was planned.
    planned: int
    accepted: int
    #: None where the provider does not say.
    delivered: int | None
    #: People it could not reach and who went on to the next sender.
    fell_back: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """Our rows beside the sandbox's log, for a channel whose provider keeps no list."""

    channel: Channel
    accepted: int
    logged: int
    #: Acceptances whose answer was lost: nobody is written to twice to find out.
    unsettled: int
    #: Acceptances that only one side knows.
    differences: int


def tally_senders(session: Session, run_id: int) -> list[SenderTally]:
    """Count a run's people by sender, in the order in which the senders are tried."""
    first = (
        select(Attempt.delivery_id, func.min(Attempt.id).label("id"))
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .where(Delivery.run_id == run_id, Attempt.outcome == FELL_BACK)
        .group_by(Attempt.delivery_id)
        .subquery()
    )
    began_with = func.coalesce(Attempt.sender_id, Delivery.sender_id)
    planned = (
        select(began_with, func.count())
        .select_from(Delivery)
        .outerjoin(first, first.c.delivery_id == Delivery.id)
        .outerjoin(Attempt, Attempt.id == first.c.id)
        .where(Delivery.run_id == run_id)
        .group_by(began_with)
    )
    mine = (Delivery.run_id == run_id, Delivery.send_state == SendState.ACCEPTED)
    accepted = select(Delivery.sender_id, func.count()).where(*mine).group_by(Delivery.sender_id)
    delivered = accepted.where(Delivery.receipt_state.in_((ReceiptState.DELIVERED, ReceiptState.READ)))
    left = (
        select(Attempt.sender_id, func.count())
        .join(Delivery, Delivery.id == Attempt.delivery_id)
        .where(Delivery.run_id == run_id, Attempt.outcome == FELL_BACK)
        .group_by(Attempt.sender_id)
    )
    counts = [_counted(session, each) for each in (planned, accepted, delivered, left)]
    return [_tally(sender, counts) for sender in session.scalars(_senders(run_id))]


def compare_unlisted(
    session: Session, vault: Vault, run_id: int, *, logged: Sequence[Mapping[str, Any]]
) -> Unlisted:
    """Compare the Telegram deliveries of a run with the messages that the sandbox logged, one by one."""
    channel = Channel.TELEGRAM
    mine = (Delivery.run_id == run_id, Delivery.channel == channel)
    ours = set(
        session.scalars(select(Delivery.provider_id).where(*mine, Delivery.send_state == SendState.ACCEPTED))
    )
    open_states = (SendState.UNKNOWN, SendState.UNCONFIRMED)
    unsettled = set(
        session.scalars(
            select(Address.lookup)
            .join(Delivery, Delivery.address_id == Address.id)
            .where(*mine, Delivery.send_state.in_(open_states))
        )
    )
    log = {
        str(message["sid"]): vault.lookup_hash(channel, str(message["to"]).partition(":")[2]) for message in logged
    }
    strangers = [lookup for sid, lookup in log.items() if sid not in ours]
    differences = len(ours - log.keys()) + sum(lookup not in unsettled for lookup in strangers)
    return Unlisted(channel, len(ours), len(log), len(strangers), differences)


def _senders(run_id: int) -> Select[Sender]:
    return (
        select(Sender)
        .join(RunSender, RunSender.sender_id == Sender.id)
        .where(RunSender.run_id == run_id)
        .order_by(RunSender.rank)
    )


def _counted(session: Session, statement: Select[Any, int]) -> Counter[int]:
    return Counter(dict(session.execute(statement).all()))


def _tally(sender: Sender, counts: Sequence[Counter[int]]) -> SenderTally:
    planned, accepted, delivered, left = (count[sender.id] for count in counts)
    is_told = sender.channel != Channel.TELEGRAM
    return SenderTally(
        sender.name, Channel(sender.channel), planned, accepted, delivered if is_told else None, left
    )
