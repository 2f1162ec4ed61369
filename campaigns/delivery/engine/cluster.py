"""A worker's part in a cluster: which lanes are its own, kept by Procrastinate's jobs in PostgreSQL.

A lane is a job whose lock lets it run once in the whole cluster, so its pace needs no limiter that workers
share. Jobs, locks, heartbeats and stalled jobs are Procrastinate's, but not its worker loop. That runs whatever it
can get, and a lane may run for hours: here a worker takes its share only, hands lanes over when another worker
joins, and asks the database at every look of its fence which lanes are still its own.

No other module imports Procrastinate.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from procrastinate.connector import BaseAsyncConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.crypto import Vault
from campaigns.delivery.engine.ports import LaneKey, Snapshot
from campaigns.delivery.engine.store import DatabaseStore
from campaigns.delivery.jobs import QUEUE, TURN, enqueue_lanes, lane_of, select_wanted

T = TypeVar("T")

#: A worker without a heartbeat for so long lost its lanes, in seconds. Its fence has been closed for most of that.
STALLED_AFTER = 20.0
#: When a job that is freed is due: long ago by any clock, because each machine has its own.
_AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)

_SHARES = text(
    """
    SELECT (SELECT count(*) FROM procrastinate_jobs WHERE queue_name = :queue AND status IN ('todo', 'doing')),
           (SELECT count(*) FROM procrastinate_workers
            WHERE last_heartbeat > now() - make_interval(secs => :seconds))
    """
)

_log = logging.getLogger(__name__)


class Member:
    """One worker among those that share the database."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._id: int | None = None
        #: Lanes that are to be handed over as soon as what they began is finished.
        self._leaving: frozenset[LaneKey] = frozenset()

    def lanes(self) -> frozenset[LaneKey]:
        """Read which lanes are this worker's to serve."""
        with self._sessions() as session:
            held = self._held(_jobs(session.connection()))
        return frozenset(held) - self._leaving

    def beat(self, serving: frozenset[LaneKey]) -> None:
        """Say that this worker lives, free what dead ones held, and give and take lanes.

        `serving` are the lanes that are open in this process, those that are ending included. Raises
        SQLAlchemyError when the database does not answer.
        """
        # By itself: who frees the lanes of the dead must not wait for a heartbeat that waits for them.
        with self._sessions.begin() as session:
            worker_id = self._id = self._tell_alive(session.connection())
        with self._sessions.begin() as session:
            wanted = {(row.sender_id, row.is_rehearsal) for row in session.execute(select_wanted())}
            if session.scalar(text("SELECT pg_try_advisory_xact_lock(:turn)"), {"turn": TURN}):
                _free_stalled(_jobs(session.connection()))
                enqueue_lanes(session, wanted)
            jobs = _jobs(session.connection())
            held = self._held(jobs)
            self._give(jobs, held, wanted, serving)
            share = _fair_share(session.connection())
            while len(held) < share and (job := _now(jobs.fetch_job([QUEUE], worker_id))) is not None:
                held[lane_of(job.task_kwargs)] = job
                _log.info("this worker serves %s now", job.lock)
        # The oldest stay: a lane that moves starts with a new breaker and cursor.
        self._leaving = frozenset(sorted(held, key=lambda lane: held[lane].id or 0)[share:])

    def leave(self) -> None:
        """Give every lane to the others at once and leave the cluster."""
        if self._id is None:
            return
        with self._sessions.begin() as session:
            jobs = _jobs(session.connection())
            for job in self._held(jobs).values():
                _now(jobs.retry_job(job, retry_at=_AT_ONCE))
            _now(jobs.unregister_worker(self._id))
        self._id = None

    def _held(self, jobs: JobManager) -> dict[LaneKey, Job]:
        if self._id is None:
            return {}
        mine = _now(jobs.list_jobs_async(queue=QUEUE, status=Status.DOING.value, worker_id=self._id))
        return {lane_of(job.task_kwargs): job for job in mine}

    def _tell_alive(self, connection: Connection) -> int:
        jobs = _jobs(connection)
        known = text("SELECT 1 FROM procrastinate_workers WHERE id = :id")
        worker_id = self._id
        if worker_id is None or connection.scalar(known, {"id": worker_id}) is None:
            # Asleep or cut off for so long that the others gave it up: it begins anew, without lanes.
            worker_id = _now(jobs.register_worker())
            _log.info("this worker is number %s of its cluster", worker_id)
        _now(jobs.update_heartbeat(worker_id))
        return worker_id

    def _give(
        self, jobs: JobManager, held: dict[LaneKey, Job], wanted: set[LaneKey], serving: frozenset[LaneKey]
    ) -> None:
        """End the jobs of lanes that have nothing to do, and hand over those that were to leave and have ended."""
        for lane in held.keys() - wanted - serving:
            _now(jobs.finish_job(held.pop(lane), Status.SUCCEEDED, delete_job=True))
        for lane in (self._leaving & held.keys()) - serving:
            _now(jobs.retry_job(held.pop(lane), retry_at=_AT_ONCE))


class ClusterStore(DatabaseStore):
    """The store of a worker in a cluster: its snapshots say which lanes are its own."""

    def __init__(self, sessions: sessionmaker[Session], vault: Vault, member: Member) -> None:
        super().__init__(sessions, vault)
        self._member = member

    def snapshot(self) -> Snapshot:
        """Read what the fence needs."""
        return replace(super().snapshot(), lanes=self._member.lanes())


def _free_stalled(jobs: JobManager) -> None:
    """Let others take the lanes of workers without a heartbeat; the caller holds the turn."""
    for job in _now(jobs.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_AFTER)):
        _log.warning("the worker that served %s is gone; another one takes over", job.lock)
        _now(jobs.retry_job(job, retry_at=_AT_ONCE))
    _now(jobs.prune_stalled_workers(STALLED_AFTER))


def _fair_share(connection: Connection) -> int:
    """Return how many lanes one worker may hold: all of them by the number of living workers, rounded up."""
    lanes, workers = connection.execute(_SHARES, {"queue": QUEUE, "seconds": STALLED_AFTER}).one()
    return -(-int(lanes) // max(1, int(workers)))


def _jobs(connection: Connection) -> JobManager:
    """Return Procrastinate's job manager on a connection of ours, within its transaction."""
    return JobManager(_OnConnection(connection))


class _OnConnection(BaseAsyncConnector):
    """Runs Procrastinate's queries on a SQLAlchemy connection; nothing of it ever waits for an event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        self._connection.exec_driver_sql(query, _sealed(arguments))

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        return dict(self._connection.exec_driver_sql(query, _sealed(arguments)).mappings().one())

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self._connection.exec_driver_sql(query, _sealed(arguments)).mappings()]


def _sealed(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: Jsonb(value) if isinstance(value, dict) else value for name, value in arguments.items()}


def _now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, and return its result."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise RuntimeError("Procrastinate waits for an event loop where it never did.")
