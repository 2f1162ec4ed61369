"""Repair of what nobody recorded: calls without a result, and answers that were lost, by the provider's own list.

A row never goes from `sending` or `unknown` back to the queue because time passed; only because the provider,
asked twice after the grace, does not have the message, and the campaign's owner chose to send again in that case.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    Update,
    bindparam,
    case,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import UTCDateTime
from campaigns.core.errors import DamagedDataError, FingerpostError, UnavailableError
from campaigns.delivery.engine.fence import INTENT_LIFE
from campaigns.delivery.engine.ports import Line, Runner, SenderFacts
from campaigns.delivery.engine.retry import MOST_ATTEMPTS
from campaigns.delivery.engine.store import facts_of
from campaigns.delivery.models import Attempt, Delivery, RunText
from campaigns.delivery.patience import Patience
from campaigns.delivery.queries import in_state
from campaigns.delivery.standins import find_stand_in
from campaigns.delivery.states import SendState
from campaigns.delivery.verify import verify_run
from campaigns.gateways.base import Gateway, ProviderMessage
from campaigns.planning.models import Run, RunState, Sender

__all__ = ["ROUND", "give_up", "reap", "reconcile", "verify_run"]

#: The provider's clock may differ so much from ours for a message of its list to be taken for the doubtful one.
BEFORE = timedelta(minutes=1)
#: A clock of ours may be wrong by so much. A message like the doubtful one, made within this time of it, is not
#: taken for it, but speaks against sending again.
WRONG_CLOCK = timedelta(days=1)
#: Longest a call may take after its fence, with room for the provider's own queue at the door.
AFTER = INTENT_LIFE + timedelta(seconds=15) + timedelta(seconds=120)
#: How often the provider must not have the message before it counts as never sent.
TIMES_ABSENT = 2
#: Doubtful deliveries looked at in one round.
ROUND = 100

#: Outcome of an attempt that left no result.
REAPED = "reaped"
#: What the list said, in the error column of a `reconciled` attempt.
FOUND, ABSENT, AMBIGUOUS = "found", "absent", "ambiguous"

#: Statements are built once: that costs more than to execute them.
_BEFORE = bindparam("before", type_=UTCDateTime())

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doubt:
    """An unknown delivery and what its message looks like in the provider's list."""

    delivery_id: int
    contact_id: int
    attempts: int
    intent_at: datetime
    lookup: bytes
    to: str
    #: None: any text, because the provider wrote it from a template.
    body: str | None
    sender: SenderFacts
    resend: bool
    #: Looks into the list so far.
    looks: int


def reap(session: Session, *, reap_after: timedelta) -> int:
    """Settle calls that left no result: `accepted` when a receipt came, else `unknown`. Return how many."""
    now = clock.now()
    reaped = session.execute(_reaping(), {"before": now - reap_after}).all()
    if reaped:
        _log.warning("%s calls left no result", len(reaped))
        rows = [{"delivery_id": row.id, "number": row.attempts, "at": now, "outcome": REAPED} for row in reaped]
        session.execute(_noting(), rows)
    return len(reaped)


@cache
def _reaping() -> Update:
    is_told = Delivery.receipt_id.is_not(None)
    statement = (
        update(Delivery)
        .where(in_state(SendState.SENDING), Delivery.intent_at < _BEFORE)
        .values(send_state=case((is_told, SendState.ACCEPTED.value), else_=SendState.UNKNOWN.value))
        .execution_options(synchronize_session=False)
    )
    return statement.returning(Delivery.id, Delivery.attempts)


@cache
def _noting() -> Insert:
    return insert(Attempt)


def give_up(session: Session, *, unconfirmed_after: timedelta) -> int:
    """Make `unconfirmed` what nothing has settled for so long; a member may resend it. Return how many.

    To be called after `reconcile`: after a long outage of ours the provider's list must be asked first. What the
    reaper found only now waits as long once more.
    """
    result: Any = session.execute(_giving_up(), {"before": clock.now() - unconfirmed_after})
    return int(result.rowcount)


@cache
def _giving_up() -> Update:
    of_this = (Attempt.delivery_id == Delivery.id, Attempt.outcome == REAPED)
    return (
        update(Delivery)
        .where(in_state(SendState.UNKNOWN), Delivery.intent_at < _BEFORE)
        .where(Delivery.receipt_id.is_(None), ~exists().where(*of_this, Attempt.at > _BEFORE))
        .values(send_state=SendState.UNCONFIRMED)
        .execution_options(synchronize_session=False)
    )


async def reconcile(
    sessions: sessionmaker[Session],
    *,
    vault: Vault,
    open_gateway: Callable[[SenderFacts], Gateway],
    database: Runner,
    patience: Patience,
) -> int:
    """Ask the providers' lists about unknown deliveries whose grace is over; return how many were looked at.

    A provider that does not answer is asked again in the next round; one that keeps no list is not asked, and its
    deliveries become unconfirmed in time.
    """
    gateways: dict[Line, Gateway] = {}
    looked = 0
    try:
        for sender in await database(_load_senders, sessions, patience):
            gateway = _opened(open_gateway, sender)
            if gateway is not None:
                gateways[sender.line] = gateway
        listing = [line for line, gateway in gateways.items() if gateway.keeps_list]
        for doubt in await database(_load, sessions, vault, patience, listing):
            looked += await _look(sessions, gateways, doubt, database)
    finally:
        for gateway in gateways.values():
            await gateway.close()
    return looked


def _opened(open_gateway: Callable[[SenderFacts], Gateway], sender: SenderFacts) -> Gateway | None:
    try:
        return open_gateway(sender)
    except FingerpostError:
        _log.warning("the doubtful deliveries of sender %s wait", sender.sender_id, exc_info=True)
        return None


async def _look(
    sessions: sessionmaker[Session], gateways: dict[Line, Gateway], doubt: Doubt, database: Runner
) -> int:
    """Settle one doubt by its provider's list and return 1, or 0 when the list cannot be read in this round."""
    gateway = gateways.get(doubt.sender.line)
    if gateway is None:
        return 0
    try:
        listed = await gateway.list_to(doubt.to, doubt.intent_at - WRONG_CLOCK)
    except UnavailableError:
        _log.warning("the provider's list cannot be read; deliveries of sender %s wait", doubt.sender.sender_id)
        # The others of this sender would only wait as long for nothing.
        await gateways.pop(doubt.sender.line).close()
        return 0
    await database(_settle, sessions, doubt, listed)
    return 1


def matches(message: ProviderMessage, doubt: Doubt) -> bool:
    """Say whether a line of the provider's list can be the doubtful message."""
    in_time = doubt.intent_at - BEFORE <= message.created_at <= doubt.intent_at + AFTER
    return in_time and resembles(message, doubt)


def resembles(message: ProviderMessage, doubt: Doubt) -> bool:
    """Say whether a line of the provider's list can be the doubtful message if a clock is wrong."""
    return (
        doubt.body in (None, message.body)
        and message.sender in ("", doubt.sender.identity)
        and abs(message.created_at - doubt.intent_at) <= WRONG_CLOCK
    )


def _load_senders(sessions: sessionmaker[Session], patience: Patience) -> list[SenderFacts]:
    """Read the senders that have doubtful deliveries, once for people and once for rehearsals."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        rows = session.execute(_select_lines(), {"before": clock.now() - patience.grace}).all()
        return [facts_of(session.get_one(Sender, row[0]), is_rehearsal=row[1]) for row in rows]


def _load(sessions: sessionmaker[Session], vault: Vault, patience: Patience, lines: Sequence[Line]) -> list[Doubt]:
    if not lines:
        return []
    now = clock.now()
    given = {
        "before": now - patience.grace,
        "lately": now - patience.interval,
        "lines": [(line.sender_id, line.is_rehearsal) for line in lines],
    }
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        doubts = [_doubt(row, vault) for row in session.execute(_select_doubts(), given)]
    return [doubt for doubt in doubts if doubt is not None]


def _is_doubtful() -> tuple[ColumnElement[bool], ...]:
    return in_state(SendState.UNKNOWN), Delivery.intent_at < _BEFORE


@cache
def _select_lines() -> Select[int, bool]:
    return (
        select(Delivery.sender_id, Run.is_rehearsal)
        .join(Run, Run.id == Delivery.run_id)
        .where(*_is_doubtful())
        .distinct()
    )


@cache
def _select_doubts() -> Select[*tuple[Any, ...]]:
    """Select doubtful deliveries of some senders that are to be looked up now."""
    line = tuple_(Delivery.sender_id, Run.is_rehearsal)
    is_late = Attempt.at > bindparam("lately", type_=UTCDateTime())
    absent = select(func.count()).where(_looks(), Attempt.error == ABSENT).scalar_subquery()
    lately = select(Attempt.id).where(_looks(), is_late).exists()
    looks = select(func.count()).where(_looks()).scalar_subquery().label("looks")
    return (
        select(Delivery, Address, RunText, Run, Sender, looks)
        .join(Address, Address.id == Delivery.address_id)
        .join(RunText, RunText.id == Delivery.text_id)
        .join(Run, Run.id == Delivery.run_id)
        .join(Sender, Sender.id == Delivery.sender_id)
        .where(*_is_doubtful(), line.in_(bindparam("lines", expanding=True)))
        .where(~lately, absent < TIMES_ABSENT)
        .order_by(Delivery.id)
        .limit(ROUND)
    )


def _looks() -> ColumnElement[bool]:
    """Match the looks into the list since the doubtful call."""
    return (
        (Attempt.delivery_id == Delivery.id)
        & (Attempt.outcome == "reconciled")
        & (Attempt.at > Delivery.intent_at)
    )


def _doubt(row: Any, vault: Vault) -> Doubt | None:
    delivery, address, text = row.Delivery, row.Address, row.RunText
    sender = facts_of(row.Sender, is_rehearsal=row.Run.is_rehearsal)
    try:
        to = _handle_of(delivery.id, address, sender, vault)
    except DamagedDataError:
        _log.error("address %s cannot be deciphered", address.id)
        return None
    has_template = sender.channel is Channel.WHATSAPP and text.content_sid is not None
    return Doubt(
        delivery_id=delivery.id,
        contact_id=delivery.contact_id,
        attempts=delivery.attempts,
        intent_at=delivery.intent_at,
        lookup=address.lookup,
        to=to,
        body=None if has_template else text.body or "",
        sender=sender,
        resend=bool(row.Run.frozen.get("resend_unknown")),
        looks=row.looks,
    )


def _handle_of(delivery_id: int, address: Address, sender: SenderFacts, vault: Vault) -> str:
    """Return what was written to: the person's handle, or in a rehearsal its stand-in."""
    if sender.is_rehearsal:
        return find_stand_in(vault, delivery_id, sender.channel, address.country, address.lookup)
    return vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)


def _settle(sessions: sessionmaker[Session], doubt: Doubt, listed: Sequence[ProviderMessage]) -> None:
    """Write what the list says about one delivery, if it is still unknown and still about the same call."""
    with sessions.begin() as session:
        given = {"id": doubt.delivery_id, "intent_at": doubt.intent_at}
        delivery = session.scalar(_select_held(), given)
        if delivery is None:
            return
        looks, absent = _count_looks(session, delivery.id)
        # Workers that looked at the same time looked once: two absences must lie an interval apart.
        if looks != doubt.looks:
            return
        ours = _known_ids(session, doubt)
        alike = [line for line in listed if resembles(line, doubt) and line.provider_id not in ours]
        found = [line for line in alike if matches(line, doubt)]
        verdict = FOUND if len(found) == 1 else AMBIGUOUS if alike else ABSENT
        session.add(
            Attempt(
                delivery_id=delivery.id,
                number=delivery.attempts,
                at=clock.now(),
                outcome="reconciled",
                error=verdict,
            )
        )
        if verdict == FOUND:
            delivery.send_state, delivery.provider_id = SendState.ACCEPTED, found[0].provider_id
        elif verdict == AMBIGUOUS:
            _log.error("%s messages of the provider look like delivery %s", len(alike), delivery.id)
        elif _is_to_be_sent_again(doubt, delivery, absent=absent + 1):
            _queue_again(session, delivery)


def _is_to_be_sent_again(doubt: Doubt, delivery: Delivery, *, absent: int) -> bool:
    """Say whether the provider never had it, its campaign sends such again, and it was not tried too often."""
    return doubt.resend and delivery.attempts < MOST_ATTEMPTS and absent >= TIMES_ABSENT


@cache
def _select_held() -> Select[Delivery]:
    is_same_call = Delivery.intent_at == bindparam("intent_at", type_=UTCDateTime())
    return (
        select(Delivery)
        .where(Delivery.id == bindparam("id"), is_same_call, in_state(SendState.UNKNOWN))
        .with_for_update()
    )


def _known_ids(session: Session, doubt: Doubt) -> set[str]:
    """Return the provider's ids of every delivery to this handle, in all runs and organisations.

    Those that failed on their channel before they went on over another are among them.
    """
    known = session.scalars(_select_known(), {"lookup": doubt.lookup})
    return {provider_id for provider_id in known if provider_id is not None}


@cache
def _select_known() -> Any:
    same_person = select(Address.contact_id).where(Address.lookup == bindparam("lookup"))
    theirs = (Delivery.run_id.in_(select(Run.id)), Delivery.contact_id.in_(same_person))
    earlier = select(Attempt.provider_id).join(Delivery, Delivery.id == Attempt.delivery_id).where(*theirs)
    return select(Delivery.provider_id).where(*theirs).union_all(earlier)


def _count_looks(session: Session, delivery_id: int) -> tuple[int, int]:
    """Return how many looks there were since the doubtful call, and how many of them found nothing."""
    looks, absent = session.execute(_counting(), {"id": delivery_id}).one()
    return looks, absent


@cache
def _counting() -> Select[int, int]:
    absent = func.count(case((Attempt.error == ABSENT, Attempt.id)))
    counted = select(func.count(Attempt.id), absent).join(Delivery, Delivery.id == Attempt.delivery_id)
    return counted.where(Delivery.id == bindparam("id"), _looks())


def _queue_again(session: Session, delivery: Delivery) -> None:
    """Put a delivery back that the provider never had; a run that ended meanwhile goes on for it."""
    delivery.send_state, delivery.token = SendState.QUEUED, None
    delivery.due_at = clock.now()
    run = session.get_one(Run, delivery.run_id, with_for_update=True, populate_existing=True)
    if run.state == RunState.DONE:
        run.state, run.finished_at = RunState.RUNNING, None
