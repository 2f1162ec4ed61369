"""People who turn out to have got a wrong message only after its correction was planned get it late."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import FingerpostError
from campaigns.core.processes.chores import do_for_each
from campaigns.core.sentences import Sentence
from campaigns.delivery.fanout.fanout import CHUNK, Planner
from campaigns.delivery.fanout.outdated_texts import pause_outdated
from campaigns.planning.lifecycle import SENDING
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import Policy
from campaigns.planning.service import pause_run


def fan_out_late(
    sessions: sessionmaker[Session],
    *,
    policy: Policy,
    chunk: int = CHUNK,
    may_go_on: Callable[[], bool] = lambda: True,
) -> None:
    """Add to corrections those whose wrong message was on its way when the others were planned.

    A chunk is a transaction of its own, so that what was planned already goes out meanwhile. The last time, when
    nothing wrong is on its way any more, counts anew whom the correction leaves out. A text that cannot be filled
    in pauses its correction with the reason, and one that cannot be planned holds up no other. Raises
    ExceptionGroup with what went wrong.
    """
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        ids = session.scalars(_select_late().order_by(Run.id)).all()
    plan = partial(_plan, sessions, policy, chunk, may_go_on)
    do_for_each(ids, plan, doing="who is late for correction {} was planned", told="corrections cannot be planned")


def _plan(
    sessions: sessionmaker[Session], policy: Policy, chunk: int, may_go_on: Callable[[], bool], run_id: int
) -> None:
    try:
        after: int | None = 0
        while after is not None and may_go_on():
            with sessions.begin() as session:
                run = _hold(session, run_id)
                after = None if run is None else _plan_chunk(session, run, policy, after, chunk)
    except FingerpostError as error:
        with sessions.begin() as session:
            run = _hold(session, run_id)
            if run is not None:
                # One that was done has people to write to, and waits for a member to see why it cannot.
                run.state, run.finished_at = RunState.RUNNING, None
                pause_run(session, run, reason=Sentence.of(error))


def _plan_chunk(session: Session, run: Run, policy: Policy, after: int, chunk: int) -> int | None:
    was_done = run.state == RunState.DONE
    following = Planner(session, run, policy).plan_late(after, chunk)
    if was_done:
        # A helpline that its texts name may have been taken back since.
        session.flush()
        pause_outdated(session, run.id, policy=policy)
    return following


def _select_late() -> Select[int]:
    return select(Run.id).where(Run.corrects_id.is_not(None), Run.planned_through <= 0, Run.state.in_(SENDING))


def _hold(session: Session, run_id: int) -> Run | None:
    held = _select_late().with_only_columns(Run).where(Run.id == run_id)
    return session.scalar(held.with_for_update(of=Run))
