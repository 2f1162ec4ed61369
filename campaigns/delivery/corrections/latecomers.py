"""People who turn out to have got a wrong message only after its correction was planned get it late."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.delivery.fanout.fanout import CHUNK, Planner
from campaigns.delivery.fanout.outdated_texts import pause_outdated
from campaigns.planning.lifecycle import SENDING
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import Policy


def fan_out_late(
    sessions: sessionmaker[Session],
    *,
    policy: Policy,
    chunk: int = CHUNK,
    may_go_on: Callable[[], bool] = lambda: True,
) -> None:
    """Add to corrections those whose wrong message was on its way when the others were planned.

    A chunk is a transaction of its own, so that what was planned already goes out meanwhile. The last time, when
    nothing wrong is on its way any more, counts anew whom the correction leaves out.
    """
    late = select(Run.id).where(Run.corrects_id.is_not(None), Run.planned_through <= 0, Run.state.in_(SENDING))
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        ids = session.scalars(late).all()
    for run_id in ids:
        after: int | None = 0
        while after is not None and may_go_on():
            with sessions.begin() as session:
                run = session.scalar(late.with_only_columns(Run).where(Run.id == run_id).with_for_update(of=Run))
                planner = None if run is None else Planner(session, run, policy)
                was_done = run is not None and run.state == RunState.DONE
                after = None if planner is None else planner.plan_late(after, chunk)
                if was_done:
                    # A helpline that its texts name may have been taken back since.
                    pause_outdated(session, run_id, policy=policy)
