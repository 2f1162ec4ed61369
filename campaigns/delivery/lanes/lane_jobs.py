"""On PostgreSQL a lane is a job of the cluster, which holds ids only; the caller's transaction writes it.

Nothing here imports Procrastinate: pages enqueue too, and need no more of it than its SQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, or_, select, text
from sqlalchemy.orm import Session

from campaigns.delivery.lanes.sender_facts import LaneKey
from campaigns.delivery.lanes.sender_health import may_be_used
from campaigns.planning.models import Run, RunSender, RunState, Sender

QUEUE, TASK = "lanes", "serve_lane"
#: Advisory lock under which jobs are enqueued and those of dead workers freed; it ends with its transaction.
TURN = 0x6C616E65

_ENQUEUE = text(
    """
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW(:queue, :task, 0, lane.lock, lane.lock, lane.args, NULL)::procrastinate_job_to_defer_v1))
    FROM jsonb_to_recordset(CAST(:lanes AS jsonb)) AS lane(lock text, args jsonb)
    WHERE NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs job WHERE job.lock = lane.lock AND job.status IN ('todo', 'doing'))
    """
)


def lock_of(lane: LaneKey) -> str:
    """Return the name under which a lane runs, and waits, once in the whole cluster."""
    sender_id, is_rehearsal = lane
    return f"lane:{sender_id}:{'rehearsal' if is_rehearsal else 'people'}"


def lane_of(arguments: dict[str, Any]) -> LaneKey:
    """Return the lane that a job with these arguments serves."""
    return int(arguments["sender_id"]), bool(arguments["is_rehearsal"])


def enqueue_lanes(session: Session, lanes: Iterable[LaneKey]) -> None:
    """Enqueue a job for each lane that has none, waiting or running, in the transaction of `session`.

    Those who enqueue at once take turns, until they commit: a second waiting job would break the transaction.
    Nothing on SQLite, where one worker serves every lane.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    rows = [
        {"lock": lock_of(lane), "args": {"sender_id": lane[0], "is_rehearsal": lane[1]}} for lane in sorted(lanes)
    ]
    if rows:
        session.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
        session.execute(_ENQUEUE, {"queue": QUEUE, "task": TASK, "lanes": json.dumps(rows)})


def select_wanted() -> Select[int, bool]:
    """Select the lanes that have a running run; one that is off, or must be mended, has none for people."""
    return (
        select(RunSender.sender_id, Run.is_rehearsal)
        .join(Run, Run.id == RunSender.run_id)
        .join(Sender, Sender.id == RunSender.sender_id)
        .where(Run.state == RunState.RUNNING, or_(Run.is_rehearsal, may_be_used()))
        .distinct()
    )
