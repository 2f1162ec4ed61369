"""Reads that the worker lives by: how deliveries of a run stand, and which runs need a hand."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Select, String, and_, exists, func, literal_column, select
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.core.settings import Settings
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.lifecycle import IN_FLIGHT
from campaigns.planning.models import Run, RunSender, RunState, Sender
from campaigns.planning.senders.connections import fault_of
from campaigns.planning.senders.service import is_service
from campaigns.staff.credentials import load_credentials

#: Outcome of an attempt by which a member sent a message again.
RESENT = "resent"


def was_sent_again() -> ColumnElement[bool]:
    """Match deliveries that a member sent again: the person may have got them before."""
    again = select(Attempt.id).where(Attempt.delivery_id == Delivery.id, Attempt.outcome == RESENT)
    return again.correlate(Delivery).exists()


def in_state(state: SendState) -> ColumnElement[bool]:
    """Return the condition `send_state = …` with the state written out, so that the partial indexes apply."""
    written: ColumnElement[str] = literal_column(f"'{state.value}'", String())
    return Delivery.send_state == written


def progress_of(session: Session, run_id: int) -> dict[SendState, int]:
    """Return how many deliveries of a run are in each state; their sum is what was planned."""
    rows = session.execute(
        select(Delivery.send_state, func.count()).where(Delivery.run_id == run_id).group_by(Delivery.send_state)
    )
    return {SendState(state): count for state, count in rows}


def practised(session: Session, run_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Return of rehearsals how many practice phones were sent to, and on how many it arrived, by the run's id."""
    arrived = Delivery.receipt_state.in_((ReceiptState.DELIVERED, ReceiptState.READ))
    rows = session.execute(
        select(Delivery.run_id, func.count(), func.count().filter(arrived))
        .join(Run, Run.id == Delivery.run_id)
        .where(Delivery.run_id.in_(run_ids), Run.is_rehearsal, in_state(SendState.ACCEPTED))
        .group_by(Delivery.run_id)
    )
    return {run_id: (sent, there) for run_id, sent, there in rows}


@cache
def select_planning() -> Select[int]:
    """Select the ids of runs whose fan-out is not finished, the urgent ones first, then the oldest."""
    return select(Run.id).where(Run.state == RunState.PLANNING).order_by(Run.priority.desc(), Run.id)


def is_overtaken(sessions: sessionmaker[Session], run_id: int) -> bool:
    """Say whether a more urgent run is to be planned first."""
    other = aliased(Run)
    more_urgent = and_(other.state == RunState.PLANNING, other.priority > Run.priority)
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return session.scalar(select(Run.id).join(other, more_urgent).where(Run.id == run_id).limit(1)) is not None


def find_last_intent(session: Session) -> datetime | None:
    """Return when somebody was last to be called in a run that is under way; None when nobody ever was."""
    under_way = select(Run.id).where(Run.state.in_(IN_FLIGHT), ~Run.is_rehearsal)
    return session.scalar(select(func.max(Delivery.intent_at)).where(Delivery.run_id.in_(under_way)))


@cache
def select_stopped_with_queue() -> Select[int]:
    """Select the ids of stopped runs that still have queued deliveries."""
    return select(Run.id).where(Run.state == RunState.STOPPED, _has(SendState.QUEUED)).order_by(Run.id)


@cache
def select_resumed_with_cancelled() -> Select[int]:
    """Select the ids of running runs that still have deliveries which a stop cancelled."""
    return select(Run.id).where(Run.state == RunState.RUNNING, _has(SendState.CANCELLED)).order_by(Run.id)


@cache
def select_done_with_queue() -> Select[int]:
    """Select the ids of runs that were done when a call came back unmade: a worker slept through the reaper."""
    return select(Run.id).where(Run.state == RunState.DONE, _has(SendState.QUEUED)).order_by(Run.id)


@cache
def select_finished() -> Select[int]:
    """Select the ids of running runs in which nothing is queued, on its way or still to be queued again.

    A run that resends by itself what the provider never had is not finished while something is unknown.
    """
    waits = Run.frozen["resend_unknown"].as_boolean() & _has(SendState.UNKNOWN)
    return (
        select(Run.id)
        .where(Run.state == RunState.RUNNING)
        .where(~_has(SendState.QUEUED), ~_has(SendState.SENDING), ~_has(SendState.CANCELLED), ~waits)
        .order_by(Run.id)
    )


def _has(state: SendState) -> ColumnElement[bool]:
    return exists().where(Delivery.run_id == Run.id, in_state(state)).correlate(Run)


def find_known_senders(
    session: Session,
    settings: Settings,
    organisation_ids: Collection[int],
    country: str,
    *,
    used_since: datetime | None = None,
) -> list[Sender]:
    """Return the senders in use of some organisations, as people see them; what stands for several has no name.

    '' stands for all countries. One whose key is missing is left out: its number may be mistyped, and what people
    write there is not heard. With `used_since` (UTC) it is kept if a run of theirs began over it since: what it
    wrote is genuine.
    """
    if not organisation_ids:
        # What the instance shares is nobody's word before somebody has opened the pages.
        return []
    ours = Sender.organisation_id.in_(organisation_ids) | Sender.organisation_id.is_(None)
    known = select(Sender).where(ours, Sender.active).order_by(Sender.channel, Sender.identity)
    credentials = load_credentials(session, settings)

    def is_connected(sender: Sender) -> bool:
        users = organisation_ids if sender.organisation_id is None else (sender.organisation_id,)
        return any(not fault_of(credentials, sender, user) for user in users)

    seen = (each for each in session.scalars(known) if not is_service(each.identity))
    near = (each for each in seen if not country or not each.countries or country in each.countries)
    connected = {each: is_connected(each) for each in near}
    lost = [each.id for each, is_there in connected.items() if not is_there]
    used = _find_used(session, organisation_ids, lost, used_since) if used_since and lost else frozenset()
    return [each for each, is_there in connected.items() if is_there or each.id in used]


def _find_used(
    session: Session, organisation_ids: Collection[int], sender_ids: Collection[int], since: datetime
) -> Collection[int]:
    """Return over which senders organisations began to write to people since a moment."""
    used = (
        select(RunSender.sender_id)
        .join(Run, Run.id == RunSender.run_id)
        .where(RunSender.sender_id.in_(sender_ids), Run.organisation_id.in_(organisation_ids))
        .where(Run.started_at > since, ~Run.is_rehearsal)
    )
    return set(session.scalars(used.distinct()))
