"""A worker of a cluster learns here which lanes are its own, from Procrastinate's jobs in PostgreSQL.

A lane is a job whose lock lets it run once in the whole cluster, so its pace needs no limiter that workers
share. Jobs, locks, heartbeats and stalled jobs are Procrastinate's, but not its worker loop. That runs whatever it
can get, and a lane may run for hours: here a worker takes its share only, hands lanes over when another worker
joins, and asks the database at every look of its fence which lanes are still its own.

No other module imports Procrastinate.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from procrastinate.connector import BaseAsyncConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.ears import Ears
from campaigns.continuity.lifeline import Lifeline
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.steady import ClockGuard
from campaigns.delivery.engine.fence import FRESH_SECONDS
from campaigns.delivery.engine.ports import Ask, Found, Result, Snapshot
from campaigns.delivery.engine.queue.store import DatabaseStore, MayUse, everybody_may
from campaigns.delivery.lanes.lane_jobs import QUEUE, TURN, enqueue_lanes, lane_of, select_wanted
from campaigns.delivery.lanes.sender_facts import LaneKey

T = TypeVar("T")

#: A worker without a heartbeat for so long lost its lanes, in seconds. Its fence has been closed for most of that.
GONE_AFTER = 20.0
#: No shorter time may be set: a fence closes within FRESH_SECONDS, and a busy database answers a beat late.
SHORTEST_GONE_AFTER = 5
#: A worker without a heartbeat for so long is given no more lanes, in seconds.
LIVELY_WITHIN = 5.0
#: A lane is handed over so long after `lanes` left it out, in seconds: no fence trusts what was read before.
LET_GO_AFTER = FRESH_SECONDS + 0.5
#: When a job that is freed is due: long ago by any clock, because each machine has its own.
_AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)

#: How many lanes and living workers there are, and this one's place among these, those with most lanes first.
_SHARES = text(
    """
    WITH living AS (
        SELECT worker.id, row_number() OVER (ORDER BY count(job.id) DESC, worker.id) AS place
        FROM procrastinate_workers worker
        LEFT JOIN procrastinate_jobs job
            ON job.worker_id = worker.id AND job.status = 'doing' AND job.queue_name = :queue
        WHERE worker.id = :worker OR worker.last_heartbeat > now() - make_interval(secs => :seconds)
        GROUP BY worker.id)
    SELECT (SELECT count(*) FROM procrastinate_jobs WHERE queue_name = :queue AND status IN ('todo', 'doing')),
           (SELECT count(*) FROM living),
           (SELECT place FROM living WHERE id = :worker)
    """
)

_log = logging.getLogger(__name__)


class Member:
    """One worker among those that share the database."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        *,
        gone_after: float = GONE_AFTER,
        seconds: Callable[[], float] = time.monotonic,
        guard: ClockGuard | None = None,
    ) -> None:
        """Prepare a member; others that are silent for `gone_after` seconds lose their lanes.

        `guard` is told how far this clock is from the database's, and watches it in between.
        """
        self._guard = guard or ClockGuard(is_judged=True)
        self._sessions, self._gone_after, self._seconds = sessions, gone_after, seconds
        self._id: int | None = None
        #: Moment before the last heartbeat that was committed.
        self._beat_at = float("-inf")
        #: Lanes that are to be let go as soon as what they began is finished, and since when.
        self._leaving: dict[LaneKey, float] = {}

    def lanes(self) -> frozenset[LaneKey]:
        """Read which lanes are this worker's to serve.

        Empty when it could not beat for so long that others may soon take them: its fence closes before.
        """
        if self._guard.is_astray() or self._seconds() - self._beat_at > self._gone_after - LET_GO_AFTER:
            return frozenset()
        with self._sessions() as session:
            held = self._held(_jobs(session.connection()))
        return frozenset(held.keys() - self._leaving.keys())

    def is_astray(self) -> bool:
        """Say whether this machine's clock is wrong, or was set since it was last compared."""
        return self._guard.is_astray()

    def beat(self, serving: frozenset[LaneKey]) -> None:
        """Say that this worker lives, free what dead ones held, and give and take lanes.

        `serving` are the lanes that are open in this process, those that are ending included. Raises
        SQLAlchemyError when the database does not answer.
        """
        began = self._seconds()
        # By itself: who frees the lanes of the dead must not wait for a heartbeat that waits for them.
        with self._sessions.begin() as session:
            self._look_at_clocks(session.connection())
            if self._guard.is_astray():
                return
            worker_id = self._id = self._tell_alive(session.connection())
        self._beat_at = began
        with self._sessions.begin() as session:
            wanted = {(row.sender_id, row.is_rehearsal) for row in session.execute(select_wanted())}
            connection = session.connection()
            jobs = _jobs(connection)
            if session.scalar(text("SELECT pg_try_advisory_xact_lock(:turn)"), {"turn": TURN}):
                self._free_stalled(jobs)
                enqueue_lanes(session, wanted)
            held = self._held(jobs)
            self._let_go(jobs, held, wanted, serving)
            share = _share_of(connection, worker_id)
            while len(held) < share and (job := _now(jobs.fetch_job([QUEUE], worker_id))) is not None:
                held[lane_of(job.task_kwargs)] = job
                _log.info("this worker serves %s now", job.lock)
        self._choose_leaving(held, wanted, share)

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

    def _look_at_clocks(self, connection: Connection) -> None:
        """Serve nothing while the clock of this machine is wrong; others take over, as from a dead worker."""
        before = clock.now()
        there = connection.scalars(text("SELECT clock_timestamp()")).one()
        self._guard.judge(max(before - there, there - clock.now()))

    def _free_stalled(self, jobs: JobManager) -> None:
        """Let others take the lanes of workers without a heartbeat; the caller holds the turn."""
        for job in _now(jobs.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=self._gone_after)):
            _log.warning("the worker that served %s is gone; another one takes over", job.lock)
            _now(jobs.retry_job(job, retry_at=_AT_ONCE))
        _now(jobs.prune_stalled_workers(self._gone_after))

    def _let_go(
        self, jobs: JobManager, held: dict[LaneKey, Job], wanted: set[LaneKey], serving: frozenset[LaneKey]
    ) -> None:
        """Hand lanes over that were to leave and have ended; end the jobs of those that have nothing to do."""
        long_ago = self._seconds() - LET_GO_AFTER
        for lane, since in self._leaving.items():
            if since > long_ago or lane in serving or lane not in held:
                continue
            job = held.pop(lane)
            if lane in wanted:
                _now(jobs.retry_job(job, retry_at=_AT_ONCE))
            else:
                _now(jobs.finish_job(job, Status.SUCCEEDED, delete_job=True))

    def _choose_leaving(self, held: dict[LaneKey, Job], wanted: set[LaneKey], share: int) -> None:
        # The oldest stay: a lane that moves starts with a new breaker and cursor.
        staying = sorted(held.keys() & wanted, key=lambda lane: held[lane].id or 0)[:share]
        now = self._seconds()
        self._leaving = {lane: self._leaving.get(lane, now) for lane in held.keys() - set(staying)}


class ClusterStore(DatabaseStore):
    """The store of a worker in a cluster: its snapshots say which lanes are its own."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        vault: Vault,
        member: Member,
        lifeline: Lifeline | None = None,
        may_use: MayUse = everybody_may,
        ears: Ears | None = None,
    ) -> None:
        super().__init__(sessions, vault, lifeline, may_use, ears)
        self._member = member

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        """Write the results and claim what is asked for; nothing is claimed by a clock that may be wrong."""
        return super().exchange(results, None if self._member.is_astray() else ask)

    def snapshot(self) -> Snapshot:
        """Read what the fence needs."""
        return replace(super().snapshot(), lanes=self._member.lanes())


def _share_of(connection: Connection, worker_id: int) -> int:
    """Return how many lanes a worker may hold, so that no two of the living differ by more than one."""
    values = {"queue": QUEUE, "worker": worker_id, "seconds": LIVELY_WITHIN}
    lanes, workers, place = connection.execute(_SHARES, values).one()
    return int(lanes // workers) + int(place <= lanes % workers)


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
