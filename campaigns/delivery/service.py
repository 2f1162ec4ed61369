"""Beside the engine's own moves, these verbs suppress, cancel and queue deliveries again, and finish a run.

Each touches only the states that `states.MOVES` lets it move, so it may run beside a sending engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Select, Update, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session, aliased

from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.delivery.lanes.sender_health import may_be_used
from campaigns.delivery.models import Delivery, RunZone
from campaigns.delivery.queries import in_state, select_done_with_queue, select_finished
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunSender, RunState, Sender
from campaigns.planning.runs.runs_of_withdrawn import let_go_on
from campaigns.staff import audit

#: Rows a sweep moves in one transaction; few enough that an opt-out never waits long behind it.
SWEEP = 5000
#: The claim closes what is over within seconds where anything is claimed for a run at all.
LONG_OVER = timedelta(minutes=10)
_LIMIT: BindParameter[int] = bindparam("limit")
_RUN: BindParameter[int] = bindparam("run")


def expire_resting(session: Session, *, limit: int = SWEEP, now: datetime | None = None) -> int:
    """Close up to `limit` queued deliveries whose time is over while nothing is claimed for their sender.

    Where a sender sends, the claim closes them; one that is off, paused or has no more room today claims nothing.
    What nothing has closed for long after the time of its whole run is closed here, whatever it waits for.
    """
    now = now or clock.now()
    return _moved(session, _expiring(), {"now": now, "long_ago": now - LONG_OVER, "limit": limit})


@cache
def _expiring() -> Update:
    is_over = Delivery.expires_at <= bindparam("now", type_=UTCDateTime())
    # Whatever keeps a sender from sending for a run, as a credential that is another organisation's by now.
    run, long_ago = aliased(Run), bindparam("long_ago", type_=UTCDateTime())
    zone = select(RunZone.run_id).where(RunZone.run_id == run.id)
    has_time = zone.where(RunZone.expires_at > long_ago).exists()
    # Asked of runs and not of each message: else all that is queued would be read at each look.
    ended = select(run.id).where(run.state == RunState.RUNNING, zone.exists(), ~has_time)
    # What answers one person has no zones and one message: few wait at a time.
    answers = select(run.id).where(run.state == RunState.RUNNING, run.campaign_id.is_(None))
    is_lost = and_(RunSender.run_id.in_(answers), Delivery.expires_at <= long_ago)
    rests = or_(~may_be_used(), Sender.daily_limit.is_not(None))
    rows = (
        select(Delivery.id)
        .join(RunSender, and_(RunSender.run_id == Delivery.run_id, RunSender.sender_id == Delivery.sender_id))
        .join(Run, Run.id == RunSender.run_id)
        .join(Sender, Sender.id == RunSender.sender_id)
        .where(Run.state == RunState.RUNNING, in_state(SendState.QUEUED), is_over)
        .where(or_(rests, RunSender.run_id.in_(ended), is_lost))
        # The claim makes accepted what has a receipt.
        .where(or_(rests, Delivery.receipt_id.is_(None)))
        .order_by(Delivery.id)
        .limit(_LIMIT)
        .with_for_update(skip_locked=True, of=Delivery)
    )
    return _moving(rows, SendState.EXPIRED)


def _moving(rows: Select[int], state: SendState) -> Update:
    # Named, so it is looked up once: PostgreSQL may else run it again for each row, and rows that it holds already
    # are no longer found, which moves more of them than the limit. Nested, else SQLite's driver counts no rows.
    picked = rows.cte("picked", nesting=True)
    return (
        update(Delivery)
        .where(Delivery.id.in_(select(picked.c.id)))
        .values(send_state=state)
        .execution_options(synchronize_session=False)
    )


def cancel_queued(session: Session, run_id: int, *, limit: int = SWEEP) -> int:
    """Cancel up to `limit` queued deliveries of a stopped run; return how many, 0 when none is left.

    Called again and again, a transaction each, so that no other writer waits long.
    """
    cancelling = _sweeping(RunState.STOPPED, SendState.QUEUED, SendState.CANCELLED)
    return _moved(session, cancelling, {"run": run_id, "limit": limit})


def requeue_cancelled(session: Session, run_id: int, *, limit: int = SWEEP) -> int:
    """Queue again up to `limit` deliveries that a stop cancelled, of a run that was resumed; return how many."""
    requeueing = _sweeping(RunState.RUNNING, SendState.CANCELLED, SendState.QUEUED)
    return _moved(session, requeueing, {"run": run_id, "limit": limit})


def finish_run(session: Session, run_id: int) -> bool:
    """Mark a run as done if it is running still and nothing of it is queued or on its way; say whether it was."""
    finished = session.scalar(select_finished().where(Run.id == run_id).with_for_update(of=Run))
    if finished is None:
        return False
    run = session.get_one(Run, run_id, populate_existing=True)
    run.state, run.finished_at = RunState.DONE, clock.now()
    # The trail has an answer as what a member did.
    if run.campaign_id is not None:
        audit.record(session, "run.finish", subject=run, organisation_id=run.organisation_id)
    return True


def reopen_run(session: Session, run_id: int) -> bool:
    """Let a run that was done go on for what was queued again since; say whether it did.

    Where a partner withdrew what it says since it ended, it pauses instead, for two members to decide.
    """
    queued = select_done_with_queue().where(Run.id == run_id).with_for_update(of=Run)
    if session.scalar(queued) is None:
        return False
    run = session.get_one(Run, run_id, populate_existing=True)
    let_go_on(session, run)
    audit.record(session, "run.reopen", subject=run, organisation_id=run.organisation_id)
    return True


@cache
def _sweeping(while_run: RunState, before: SendState, after: SendState) -> Update:
    in_time = select(Run.id).where(Run.id == _RUN, Run.state == while_run).exists()
    # As the index of each state is ordered: else every part sorts all that is left of a run of a million.
    order = (Delivery.sender_id, Delivery.id) if before is SendState.QUEUED else (Delivery.id,)
    rows = (
        select(Delivery.id)
        .where(Delivery.run_id == _RUN, in_state(before), in_time)
        .order_by(*order)
        .limit(_LIMIT)
        .with_for_update(skip_locked=True, of=Delivery)
    )
    return _moving(rows, after)


def _moved(session: Session, statement: Update, values: Mapping[str, Any] | None = None) -> int:
    """Execute an update past the session's memory and return how many rows it changed."""
    result: Any = session.execute(statement, values)
    return int(result.rowcount)
