"""Calls without a result and answers that were lost are repaired by the provider's own list.

A row never goes from `sending` or `unknown` back to the queue because time passed; only because the provider,
asked twice after the grace, does not have the message, and the campaign's owner chose to send again in that case.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Insert, Select, Update, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.core.errors import FingerpostError, UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.threads import Runner
from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.queries import in_state
from campaigns.delivery.repair.doubts import (
    ABSENT,
    DAMAGED,
    FOUND,
    ROUND,
    TIMES_ABSENT,
    UNBELIEVED,
    WRONG_CLOCK,
    Batch,
    Doubt,
    Witness,
    judge,
    load_batch,
    load_lines,
    looked,
)
from campaigns.delivery.repair.verify import verify_run
from campaigns.delivery.states import SendState
from campaigns.delivery.timeouts import Patience
from campaigns.gateways.base import Gateway, ProviderMessage
from campaigns.planning.models import Run

__all__ = ["ROUND", "give_up", "reap", "reconcile", "verify_run"]

T = TypeVar("T")

#: What was never looked up waits this many times as long as what was, until a member may send it again.
PATIENT_TIMES = 7

#: Outcome of an attempt that left no result.
REAPED = "reaped"

#: Statements are built once: that costs more than to execute them.
_BEFORE = bindparam("before", type_=UTCDateTime())

_log = logging.getLogger(__name__)


def reap(session: Session, *, reap_after: timedelta, now: datetime | None = None) -> int:
    """Settle calls that left no result: `accepted` when a receipt came, else `unknown`. Return how many."""
    now = now or clock.now()
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


def give_up(
    session: Session, *, unconfirmed_after: timedelta, unlisted: Collection[int] = (), now: datetime | None = None
) -> int:
    """Make `unconfirmed` what nothing has settled for so long; a member may resend it. Return how many.

    To be called after `reconcile`: after a long outage of ours the provider's list must be asked first. What the
    reaper found only now waits as long once more; what could not be looked up, because the list was away, waits
    PATIENT_TIMES as long. `unlisted` are the senders whose provider keeps no list.
    """
    now = now or clock.now()
    given = {
        "before": now - unconfirmed_after,
        "long_before": now - PATIENT_TIMES * unconfirmed_after,
        "unlisted": list(unlisted),
    }
    result: Any = session.execute(_giving_up(), given)
    return int(result.rowcount)


@cache
def _giving_up() -> Update:
    of_this = (Attempt.delivery_id == Delivery.id, Attempt.outcome == REAPED)
    was_asked = or_(
        select(Attempt.id).where(looked()).exists(),
        Delivery.sender_id.in_(bindparam("unlisted", expanding=True)),
        Delivery.intent_at < bindparam("long_before", type_=UTCDateTime()),
    )
    return (
        update(Delivery)
        .where(in_state(SendState.UNKNOWN), Delivery.intent_at < _BEFORE, was_asked)
        .where(Delivery.receipt_id.is_(None), ~exists().where(*of_this, Attempt.at > _BEFORE))
        .values(send_state=SendState.UNCONFIRMED)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True, slots=True)
class Looked:
    """What one round of looks into the providers' lists came to."""

    #: Deliveries that were looked up.
    count: int = 0
    #: Senders with doubtful deliveries whose provider keeps no list.
    unlisted: frozenset[int] = frozenset()


async def reconcile(
    sessions: sessionmaker[Session],
    *,
    vault: Vault,
    open_gateway: Callable[[SenderFacts], Gateway],
    database: Runner,
    patience: Patience,
    may_go_on: Callable[[], bool] = lambda: True,
) -> Looked:
    """Ask the providers' lists about unknown deliveries whose grace is over; senders take turns.

    A provider that does not answer is asked again in the next round, and keeps no other sender's deliveries from
    being looked up; one that keeps no list is not asked, and its deliveries become unconfirmed in time.
    """
    asked = [
        _Asking(gateway, sender.line)
        for sender in await database(_in_session, sessions, load_lines, patience)
        if (gateway := _opened(open_gateway, sender)) is not None
    ]
    unlisted = frozenset(each.line.sender_id for each in asked if not each.gateway.keeps_list)
    waiting = [each for each in asked if each.gateway.keeps_list]
    count = 0
    try:
        while waiting and may_go_on():
            for each in list(waiting):
                looks = await _ask(sessions, vault, patience, each, database)
                count += looks
                if looks < ROUND:
                    waiting.remove(each)
    finally:
        for each in asked:
            await each.gateway.close()
    return Looked(count, unlisted)


@dataclass(slots=True)
class _Asking:
    """How far one sender's list was asked in this round."""

    gateway: Gateway
    line: Line
    #: The last delivery that was looked up.
    after: int = 0


def _opened(open_gateway: Callable[[SenderFacts], Gateway], sender: SenderFacts) -> Gateway | None:
    try:
        return open_gateway(sender)
    except FingerpostError:
        _log.warning("the doubtful deliveries of sender %s wait", sender.sender_id, exc_info=True)
        return None


async def _ask(
    sessions: sessionmaker[Session], vault: Vault, patience: Patience, asking: _Asking, database: Runner
) -> int:
    """Look up the next doubts of one sender and return how many; fewer than ROUND: it has no more in this round.

    Whatever goes wrong with one sender is no reason to leave the others waiting.
    """
    looks = 0
    try:
        batch: Batch = await database(
            _in_session, sessions, load_batch, vault, patience, asking.line, asking.after
        )
        is_shown = await _is_shown(asking.gateway, batch.witness)
        for doubt in batch.doubts:
            await _look(sessions, asking.gateway, doubt, database, is_shown=is_shown)
            asking.after = doubt.delivery_id
            looks += 1
    except UnavailableError:
        _log.warning("the provider's list cannot be read; deliveries of sender %s wait", asking.line.sender_id)
        return min(looks, ROUND - 1)
    except SQLAlchemyError:
        raise
    except Exception:
        _log.exception("the doubtful deliveries of sender %s cannot be looked up", asking.line.sender_id)
        return min(looks, ROUND - 1)
    return looks


async def _is_shown(gateway: Gateway, witness: Witness | None) -> bool:
    """Say whether a list shows what it must have; one of which we know nothing is believed."""
    if witness is None:
        return True
    listed = await gateway.list_to(witness.to, witness.sent_at - WRONG_CLOCK)
    if any(line.provider_id == witness.provider_id for line in listed):
        return True
    _log.error("the provider's list lacks %s, which it accepted: it is not believed", witness.provider_id)
    return False


async def _look(
    sessions: sessionmaker[Session], gateway: Gateway, doubt: Doubt, database: Runner, *, is_shown: bool
) -> None:
    """Settle one doubt by its provider's list."""
    if doubt.to is None:
        return await database(_note, sessions, doubt, DAMAGED)
    if doubt.account not in ("", gateway.account):
        # Its credential opens another account by now, which never had the message.
        return await database(_note, sessions, doubt, UNBELIEVED)
    listed = await gateway.list_to(doubt.to, doubt.intent_at - WRONG_CLOCK)
    is_believed = is_shown and doubt.account != ""
    return await database(_settle, sessions, doubt, listed, is_believed)


def _in_session(sessions: sessionmaker[Session], read: Callable[..., T], *arguments: Any) -> T:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return read(session, *arguments)


def _note(sessions: sessionmaker[Session], doubt: Doubt, verdict: str) -> None:
    """Note a look that could settle nothing."""
    with sessions.begin() as session:
        delivery = session.scalar(_select_held(), {"id": doubt.delivery_id, "intent_at": doubt.intent_at})
        if delivery is not None:
            session.add(_look_of(delivery, verdict))


def _settle(
    sessions: sessionmaker[Session], doubt: Doubt, listed: Sequence[ProviderMessage], is_believed: bool
) -> None:
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
        verdict, provider_id = judge(doubt, listed, ours=_known_ids(session, doubt), is_believed=is_believed)
        session.add(_look_of(delivery, verdict))
        if verdict == FOUND:
            delivery.send_state, delivery.provider_id = SendState.ACCEPTED, provider_id
        elif verdict == ABSENT and _is_to_be_sent_again(doubt, delivery, absent=absent + 1):
            _queue_again(delivery)


def _look_of(delivery: Delivery, verdict: str) -> Attempt:
    return Attempt(
        delivery_id=delivery.id,
        number=delivery.attempts,
        at=clock.now(),
        outcome="reconciled",
        error=verdict,
    )


def _is_to_be_sent_again(doubt: Doubt, delivery: Delivery, *, absent: int) -> bool:
    """Say whether the provider never had it, its campaign sends such again, and it was not tried too often.

    A call has a token. What has none became doubtful when a restored instance was released: nobody knows when it
    was called for, so an absence proves nothing, and a member decides.
    """
    return (
        doubt.resend
        and delivery.token is not None
        and delivery.attempts < MOST_ATTEMPTS
        and absent >= TIMES_ABSENT
    )


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
    return counted.where(Delivery.id == bindparam("id"), looked())


def _queue_again(delivery: Delivery) -> None:
    """Put a delivery back that the provider never had; the sweep lets a run go on for it that ended meanwhile."""
    delivery.send_state, delivery.token = SendState.QUEUED, None
    delivery.due_at = clock.now()
