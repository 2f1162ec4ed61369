"""Settles by the providers' lists what a restored database does not remember; nobody is written to meanwhile.

A queued delivery whose message is in a list was sent: it becomes accepted. One that may have been sent, because
its provider keeps no list or lists another text to the same person, becomes unknown: it is never sent again by
itself. What no list shows, once the last calls must be in one, was never sent: it is sent after the release.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.models import Attempt, Delivery, RunText
from campaigns.delivery.repair.doubts import FOUND
from campaigns.delivery.sealed_texts import open_body
from campaigns.delivery.states import SendState
from campaigns.gateways.base import ProviderMessage
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Run, RunSender, RunState
from campaigns.restoring.listed import DOUBTFUL, Account, Unknown, find_unknown, select_recent

#: States in which a delivery may still be sent: by the engine, by a resume, or when somebody sends it again.
_OPEN = (SendState.QUEUED, SendState.CANCELLED, *DOUBTFUL)
#: Of these the ones that are sent without anybody looking at the single message.
_WAITING = (SendState.QUEUED, SendState.CANCELLED)
#: Runs whose waiting deliveries may go on.
_RESUMABLE = LIVING | {RunState.STOPPED, RunState.DONE}


@dataclass(slots=True)
class Settled:
    """What the lists said, in numbers."""

    #: Deliveries that were sent and are accepted now.
    found: int = 0
    #: Deliveries that may have been sent; a member decides on each.
    unknown: int = 0
    #: Listed messages to people of ours that no run of this database explains.
    foreign: int = 0


@dataclass(slots=True)
class _Candidate:
    delivery: Delivery
    body: str | None
    has_template: bool


def settle_page(
    sessions: sessionmaker[Session],
    account: Account,
    page: Sequence[ProviderMessage],
    settled: Settled,
    *,
    vault: Vault,
    since: datetime,
) -> None:
    """Settle what one page of an account's list tells; pages come newest first and may be settled twice."""
    with sessions.begin() as session:
        unknown = find_unknown(session, account, page, vault=vault, since=since)
        contacts = {contact for each in unknown for contact in each.addresses}
        candidates = _load_candidates(session, contacts, since, vault)
        for each in unknown:
            _settle(session, account, each, candidates, settled)


def give_up_unlisted(session: Session, channels: Collection[Channel], sender_ids: Collection[int]) -> int:
    """Make unknown what waits for senders without a list, or may have fallen back to one; return how many."""
    other_way = (
        select(RunSender.run_id)
        .join(Address, Address.channel == RunSender.channel)
        .where(RunSender.run_id == Delivery.run_id, RunSender.sender_id.in_(sender_ids))
        .where(Address.contact_id == Delivery.contact_id, Address.channel.in_(channels))
        .exists()
    )
    result: Any = session.execute(
        update(Delivery)
        .where(_waits(), or_(Delivery.sender_id.in_(sender_ids), other_way))
        # Asked for by the clocks of what is unknown, which begin now.
        .values(send_state=SendState.UNKNOWN, token=None, intent_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)


def select_waiting() -> Select[int]:
    """Select the runs with messages that may still be sent, stopped ones too: they may have gone on since."""
    return select(Delivery.run_id).where(_waits(), Delivery.expires_at > clock.now())


def select_awaited() -> Select[int]:
    """Select the senders of runs with messages that may still be sent: one that is off may have been on since."""
    return select(RunSender.sender_id).where(RunSender.run_id.in_(select_waiting()))


def _waits() -> ColumnElement[bool]:
    open_runs = select(Run.id).where(Run.state.in_(_RESUMABLE), ~Run.is_rehearsal)
    return and_(Delivery.send_state.in_(_WAITING), Delivery.run_id.in_(open_runs))


def _load_candidates(
    session: Session, contact_ids: Collection[int], since: datetime, vault: Vault
) -> dict[int, list[_Candidate]]:
    """Return the deliveries of contacts that a listed message may be, by contact.

    Who said stop after the message went out is suppressed by now, because stops are heard before lists are read.
    """
    is_silenced = and_(Delivery.send_state == SendState.SUPPRESSED, Delivery.run_id.in_(select_recent(since)))
    rows = session.execute(
        select(Delivery, RunText)
        .join(Run, Run.id == Delivery.run_id)
        .outerjoin(RunText, RunText.id == Delivery.text_id)
        .where(Delivery.contact_id.in_(contact_ids), ~Run.is_rehearsal)
        .where(or_(Delivery.send_state.in_(_OPEN), is_silenced))
        .order_by(Delivery.id)
        .with_for_update(of=Delivery)
    )
    found: defaultdict[int, list[_Candidate]] = defaultdict(list)
    for delivery, text in rows:
        body = open_body(text.body, text.sealed_body, text.id, vault) if text else None
        found[delivery.contact_id].append(_Candidate(delivery, body, bool(text and text.content_sid)))
    return found


def _settle(
    session: Session,
    account: Account,
    unknown: Unknown,
    candidates: dict[int, list[_Candidate]],
    settled: Settled,
) -> None:
    theirs = [each for contact_id in unknown.addresses for each in candidates.get(contact_id, ())]
    open_ones = [each for each in theirs if each.delivery.send_state in _OPEN]
    unsettled = [each for each in theirs if each.delivery.send_state in (*_OPEN, SendState.SUPPRESSED)]
    said = unknown.message.body if unknown.is_from_us else None
    alike = [each for each in unsettled if said is not None and (each.has_template or each.body == said)]
    # One whose call is doubtful before one that our rows never called: either may be this message.
    # Last one that a stop took out: it is not sent in any case.
    alike.sort(
        key=lambda each: (each.delivery.send_state == SendState.SUPPRESSED, each.delivery.send_state in _WAITING)
    )
    if alike:
        _accept(session, account, alike[0].delivery, unknown)
        settled.found += 1
        return
    if not open_ones:
        settled.foreign += 1
    for each in open_ones:
        # The provider may have altered the text, or the sender: nobody may take this for another message.
        if each.delivery.send_state in _WAITING:
            each.delivery.send_state, each.delivery.token = SendState.UNKNOWN, None
            each.delivery.intent_at = clock.now()
            settled.unknown += 1


def _accept(session: Session, account: Account, delivery: Delivery, unknown: Unknown) -> None:
    """Write down that a delivery is the listed message, over whichever of the run's senders it went."""
    message = unknown.message
    sender = next((each for each in account if each.identity == message.sender), account[0])
    delivery.send_state, delivery.token, delivery.provider_id = SendState.ACCEPTED, None, message.provider_id
    delivery.sender_id, delivery.channel = sender.sender_id, sender.channel
    delivery.address_id = unknown.addresses[delivery.contact_id]
    delivery.intent_at, delivery.attempts = message.created_at, max(delivery.attempts, 1)
    session.add(
        Attempt(
            delivery_id=delivery.id,
            number=delivery.attempts,
            at=clock.now(),
            outcome="reconciled",
            error=FOUND,
        )
    )
