"""The canary: the first few messages of a run go ahead, and the rest follows only when they fare well."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, delete, func, insert, literal, or_, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.sentences import Count, Sentence
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.delivery.lanes.daily_limits import count_called
from campaigns.delivery.models import (
    OPEN_CANARY,
    CanaryDelivery,
    CanaryState,
    Delivery,
    RunCanary,
    RunText,
    RunZone,
)
from campaigns.delivery.queries import in_state
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.models import Health, Priority, Run, RunSender, RunState, Sender
from campaigns.planning.service import pause_run

#: Only those due so soon after the first go ahead: nobody waits for a canary of another zone.
FIRST_WAVE = timedelta(minutes=15)
#: A sender in trouble keeps the canary waiting for so long; then others go ahead over senders that work.
LONGEST_TROUBLE = timedelta(minutes=1)
#: Messages among which the canary of a large run is chosen, for each that is wanted.
CHOICE = 20
#: Two primes that spread ids, which are given in the order of contacts, evenly over [0, PRIME).
PRIME, FACTOR = 1_000_003, 7_919
FARED_BADLY = N_(
    "More than %(failed)s %% of the trial batch were not sent or not delivered, or more than %(stopped)s %% of "
    "the people opted out."
)


@dataclass(frozen=True, slots=True)
class CanaryRule:
    """How many go ahead, how long they are watched, and what stops the rest."""

    #: 0: none go ahead.
    people: int
    wait: timedelta = timedelta()
    #: The canary fails when a higher share failed, or said stop.
    failure_percent: int = 100
    opt_out_percent: int = 100


NO_CANARY = CanaryRule(people=0)


@dataclass(frozen=True, slots=True)
class Fared:
    """How the messages of a canary fared so far."""

    #: Queued or on their way.
    open: int
    #: Called for at all.
    called: int
    failed: int
    opted_out: int
    #: When the last of those called was claimed, by the clock of its worker.
    last_at: datetime | None = None


def canary_rule_of(settings: Settings) -> CanaryRule:
    """Return the rule that the settings say."""
    return CanaryRule(
        people=settings.canary_people,
        wait=timedelta(seconds=settings.canary_wait_seconds),
        failure_percent=settings.canary_failure_percent,
        opt_out_percent=settings.canary_opt_out_percent,
    )


def judge(fared: Fared, rule: CanaryRule, *, people: int, sent_at: datetime | None, now: datetime) -> CanaryState:
    """Return where a canary of `people` messages, the last called at `sent_at` (UTC), stands; pure.

    It fails as soon as what it failed by cannot become less, and passes only when it was watched to the end.
    """
    whole = fared.called if not fared.open else people
    too_many = (
        fared.failed * 100 > rule.failure_percent * whole,
        fared.opted_out * 100 > rule.opt_out_percent * whole,
    )
    if any(too_many):
        return CanaryState.FAILED
    if fared.open:
        return CanaryState.SENDING
    is_over = sent_at is not None and now - sent_at >= rule.wait
    return CanaryState.PASSED if is_over else CanaryState.WAITING


def choose_canary(session: Session, run: Run, rule: CanaryRule) -> None:
    """Choose who goes ahead in a run that was just planned: as many of each language and channel, by its seed.

    Nobody does in a rehearsal, in an urgent run, or where everybody would.
    """
    is_exempt = run.is_rehearsal or run.priority > Priority.ORDINARY
    if is_exempt or not rule.people or run.planned <= rule.people:
        return
    first = session.scalars(select(func.min(RunZone.due_at)).where(RunZone.run_id == run.id)).one()
    spread = _spread(run, rule.people, due_by=first + FIRST_WAVE).subquery("spread")
    chosen = select(literal(run.id, BigInteger()), spread.c.id)
    result: Any = session.execute(
        insert(CanaryDelivery).from_select(["run_id", "delivery_id"], chosen),
        execution_options={"preserve_rowcount": True},
    )
    session.add(RunCanary(run_id=run.id, state=CanaryState.SENDING, people=int(result.rowcount)))
    session.flush()


def settle_canaries(sessions: sessionmaker[Session], rule: CanaryRule) -> None:
    """Let the rest of each run follow, or pause it, as its canary fares; the counts are written down for pages."""
    for run_id in _open_canaries(sessions):
        with sessions.begin() as session:
            # Whoever holds it moves the run; a look in five seconds is soon enough, and no other run waits.
            held = select(Run).where(Run.id == run_id, Run.state == RunState.RUNNING)
            run = session.scalar(held.with_for_update(of=Run, skip_locked=True))
            if run is not None:
                _settle(session, run, session.get_one(RunCanary, run_id, with_for_update=True), rule)


def awaits_canary(session: Session, run_id: int) -> bool:
    """Say whether the rest of a run waits for its canary."""
    canary = session.get(RunCanary, run_id)
    return canary is not None and canary.state in OPEN_CANARY


def _settle(session: Session, run: Run, canary: RunCanary, rule: CanaryRule) -> None:
    now = clock.now()
    if canary.state == CanaryState.FAILED:
        # Two members have let the run go on.
        canary.state, canary.decided_at = CanaryState.PASSED, now
        return
    _give_places_up(session, run, now)
    fared = _count(session, run.id)
    canary.failed, canary.opted_out = fared.failed, fared.opted_out
    if fared.open:
        # The run was stopped and resumed, or a message goes on over another sender: it is watched from then on.
        canary.sent_at = None
    elif canary.sent_at is None or _was_called_since(fared, canary.sent_at, now):
        canary.sent_at = now
    canary.state = judge(fared, rule, people=canary.people, sent_at=canary.sent_at, now=now)
    if canary.state not in (CanaryState.PASSED, CanaryState.FAILED):
        return
    canary.decided_at = now
    if canary.state == CanaryState.FAILED:
        # Every member reads it, and exact numbers of few people are not for all of them.
        shares = {"failed": Count(rule.failure_percent), "stopped": Count(rule.opt_out_percent)}
        pause_run(session, run, reason=Sentence(FARED_BADLY, shares))


def _was_called_since(fared: Fared, sent_at: datetime, now: datetime) -> bool:
    """Say whether one went on over another sender, and was called, between two looks."""
    # A time to come is of a clock that has been set right since; it must not keep the canary waiting.
    return fared.last_at is not None and sent_at < fared.last_at <= now


def _open_canaries(sessions: sessionmaker[Session]) -> list[int]:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        waiting = select(RunCanary.run_id).join(Run, Run.id == RunCanary.run_id)
        return list(
            session.scalars(waiting.where(RunCanary.state.in_(OPEN_CANARY), Run.state == RunState.RUNNING))
        )


def count_waiting(session: Session, run_id: int, sender_ids: Collection[int]) -> int:
    """Count the messages of an open canary that wait for one of these senders."""
    waiting = _waiting(run_id).where(Delivery.sender_id.in_(sender_ids))
    return session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def _give_places_up(session: Session, run: Run, now: datetime) -> None:
    """Let others go ahead for those whose sender may not be used now; these follow with the rest.

    Where nobody else could be written to, they keep their places: all the others wait for the same senders.
    """
    waiting = session.execute(_waiting(run.id)).all()
    resting = _resting(session, run.id, now) if waiting else frozenset[int]()
    held = [row.id for row in waiting if row.sender_id in resting]
    if not held:
        return
    free = (
        in_state(SendState.QUEUED),
        Delivery.expires_at > now,
        Delivery.sender_id.not_in(resting),
        Delivery.id.not_in(select(CanaryDelivery.delivery_id).where(CanaryDelivery.run_id == run.id)),
    )
    others = session.scalars(_spread(run, len(held), *free, due_by=now)).all()
    if not others:
        anybody = select(Delivery.id).where(Delivery.run_id == run.id, Delivery.due_at <= now, *free)
        others = session.scalars(anybody.order_by(Delivery.sender_id, Delivery.id).limit(len(held))).all()
    if others:
        session.execute(delete(CanaryDelivery).where(CanaryDelivery.delivery_id.in_(held[: len(others)])))
        session.execute(insert(CanaryDelivery), [{"run_id": run.id, "delivery_id": other} for other in others])


def _waiting(run_id: int) -> Select[int, int]:
    """Select the messages of a canary that were not called yet, with their senders."""
    return (
        select(Delivery.id, Delivery.sender_id)
        .join(CanaryDelivery, CanaryDelivery.delivery_id == Delivery.id)
        .where(CanaryDelivery.run_id == run_id, in_state(SendState.QUEUED))
        .order_by(Delivery.id)
    )


def _resting(session: Session, run_id: int, now: datetime) -> frozenset[int]:
    """Return the senders of a run that may not be used now: off, paused, full for today or in trouble for long."""
    senders = session.scalars(
        select(Sender).join(RunSender, RunSender.sender_id == Sender.id).where(RunSender.run_id == run_id)
    )
    return frozenset(sender.id for sender in senders if _rests(session, sender, now))


def _rests(session: Session, sender: Sender, now: datetime) -> bool:
    since = sender.health_at if sender.health == Health.TROUBLED else None
    is_troubled = since is not None and since < now - LONGEST_TROUBLE
    if not sender.active or sender.health == Health.PAUSED or is_troubled:
        return True
    if sender.daily_limit is None:
        return False
    return count_called(session.connection(), sender.id, Channel(sender.channel)) >= sender.daily_limit


def _spread(run: Run, people: int, *conditions: ColumnElement[bool], due_by: datetime) -> Select[int]:
    """Select the ids of those who go ahead: languages and channels take turns, until there are enough."""
    mixed = (Delivery.id * FACTOR + run.id) % PRIME
    turn = func.row_number().over(partition_by=(RunText.language, Delivery.channel), order_by=mixed)
    rows = (
        select(Delivery.id.label("id"), turn.label("turn"), mixed.label("mixed"))
        .join(RunText, RunText.id == Delivery.text_id)
        .where(Delivery.run_id == run.id, Delivery.due_at <= due_by, *conditions)
        # Sorting a million to choose five hundred would take longer than to plan them.
        .where(mixed <= int(PRIME * min(1.0, people * CHOICE / run.planned)))
        .subquery("candidates")
    )
    return select(rows.c.id).order_by(rows.c.turn, rows.c.mixed).limit(people)


def _count(session: Session, run_id: int) -> Fared:
    """Count how the canary of a run fares."""
    state = Delivery.send_state
    # What a stop cancelled is queued again by the next sweep: the run is running.
    is_open = state.in_((SendState.QUEUED, SendState.SENDING, SendState.CANCELLED))
    was_called = state.in_((SendState.ACCEPTED, SendState.UNKNOWN, SendState.UNCONFIRMED, SendState.FAILED))
    failed = or_(
        state == SendState.FAILED, Delivery.receipt_state.in_((ReceiptState.FAILED, ReceiptState.UNDELIVERED))
    )
    row = session.execute(
        select(
            _sum(is_open),
            _sum(was_called),
            _sum(was_called & failed),
            _sum(was_called & (Address.state == AddressState.OPTED_OUT)),
            func.max(case((was_called, Delivery.intent_at))),
        )
        .select_from(CanaryDelivery)
        .join(Delivery, Delivery.id == CanaryDelivery.delivery_id)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .where(CanaryDelivery.run_id == run_id)
    ).one()
    return Fared(*row)


def _sum(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
