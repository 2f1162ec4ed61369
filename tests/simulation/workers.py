"""A worker as a simulated process: the real engine and every chore of `campaigns.worker`, on virtual threads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.delivery.engine.lanes import Engine, Surroundings
from campaigns.delivery.engine.ports import SenderFacts, Snapshot
from campaigns.delivery.engine.store import DatabaseStore
from campaigns.delivery.fanout import fan_out
from campaigns.delivery.queries import select_planning
from campaigns.delivery.receipts import STRANGER_WAIT, apply_receipts
from campaigns.delivery.reconcile import Patience, give_up, reap, reconcile
from campaigns.delivery.service import expire_resting
from campaigns.delivery.sweeps import sweep
from tests.simulation.database import VAULT, Database
from tests.simulation.processes import Process, Timeline
from tests.simulation.provider import Provider, Wire

T = TypeVar("T")

#: As in production, but an hour of grace is ten minutes: still more than the longest pause and the longest call.
PATIENCE = Patience(
    reap_after=timedelta(seconds=60),
    grace=timedelta(seconds=600),
    interval=timedelta(seconds=60),
    unconfirmed_after=timedelta(seconds=1500),
)
#: A chore that found nothing looks again after so many seconds, if rows have not changed before.
LOOK_AGAIN = 15.0
#: What must be there for a chore to have something to do.
_WORK = {
    "plan": "SELECT 1 FROM run WHERE state = 'planning'",
    "receipts": "SELECT 1 FROM receipt WHERE applied_at IS NULL"
    " AND (received_at < :stranger OR EXISTS (SELECT 1 FROM delivery AS d WHERE d.reference = receipt.reference))"
    " UNION SELECT 1 FROM delivery WHERE send_state IN ('unknown', 'unconfirmed') AND receipt_id IS NOT NULL",
    "sweep": "SELECT 1 FROM run WHERE state = 'running' AND NOT EXISTS (SELECT 1 FROM delivery"
    " WHERE run_id = run.id AND send_state IN ('queued', 'sending'))"
    " UNION SELECT 1 FROM run JOIN delivery ON run_id = run.id"
    " WHERE (state, send_state) IN (('stopped', 'queued'), ('done', 'queued'), ('running', 'cancelled'))",
    "repair": "SELECT 1 FROM delivery WHERE send_state = 'sending' AND intent_at < :dead"
    " OR send_state = 'unknown' AND intent_at < :doubtful"
    " OR send_state = 'queued' AND expires_at <= :now",
    "reconcile": "SELECT 1 FROM delivery WHERE send_state = 'unknown' AND intent_at < :old"
    " AND NOT EXISTS (SELECT 1 FROM attempt WHERE delivery_id = delivery.id AND at > :lately)",
}
_AGES = {
    "now": timedelta(0),
    "dead": PATIENCE.reap_after,
    "old": PATIENCE.grace,
    "doubtful": PATIENCE.unconfirmed_after,
    "lately": PATIENCE.interval,
    "stranger": STRANGER_WAIT,
}


@dataclass(slots=True)
class Link:
    """A process's way to the database: how slow it is, and when it is cut."""

    timeline: Timeline
    chance: Random
    is_cut: Callable[[], bool]
    #: Share of commits whose acknowledgement is lost.
    lost_commits: float = 0.0


class Thread:
    """A `Runner`: work is done in its turn, at a step of its own, and its result is known at another.

    So a process may be struck before the commit, and between the commit and the moment it learns of it.
    """

    def __init__(self, process: Process, link: Link) -> None:
        self._process, self._link = process, link
        self._free_at = 0.0

    def __call__(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        known: asyncio.Future[T] = self._process.create_future()
        now, chance = self._link.timeline.now, self._link.chance
        self._free_at = max(now, self._free_at) + chance.expovariate(1 / 0.003)
        self._process.call_at(self._free_at, self._work, known, function, arguments)
        return known

    def _work(self, known: asyncio.Future[T], function: Callable[..., T], arguments: tuple[Any, ...]) -> None:
        delay = self._link.chance.expovariate(1 / 0.001)
        if self._link.is_cut():
            self._process.call_later(delay, _fail, known, _gone())
            return
        try:
            value = function(*arguments)
        except Exception as error:
            self._process.call_later(delay, _fail, known, error)
            return
        if self._link.lost_commits and self._link.chance.random() < self._link.lost_commits:
            self._process.call_later(delay, _fail, known, _gone())
        else:
            self._process.call_later(delay, _tell, known, value)


class WatchedStore(DatabaseStore):
    """The real store; a snapshot is read anew only when something changed that it may hold, or time has passed."""

    def __init__(self, database: Database, timeline: Timeline) -> None:
        super().__init__(database.sessions, VAULT)
        self._watched, self._timeline = database, timeline
        self._kept: tuple[tuple[int, float], Snapshot] | None = None

    def snapshot(self) -> Snapshot:
        if self._kept is not None:
            (version, at), kept = self._kept
            if version == self._watched.version and (not kept.withdrawn or self._timeline.now < at + 5.0):
                return kept
        self._kept = (self._watched.version, self._timeline.now), super().snapshot()
        return self._kept[1]


class Worker:
    """One worker process, from its start until it is told to stop or is killed."""

    def __init__(
        self, process: Process, link: Link, database: Database, provider: Provider, *, window: int | None
    ) -> None:
        """Start a worker; without a window it only does the chores."""
        self.process, self.stopping = process, asyncio.Event()
        self._link, self._database, self._provider, self._window = link, database, provider, window
        self._engine_thread, self._watch_thread = Thread(process, link), Thread(process, link)
        #: Chores that found nothing: the number of changes to the database by then, and when that was.
        self._fruitless: dict[str, tuple[int, float]] = {}
        self.task: asyncio.Task[None] = process.create_task(self._run())

    async def _run(self) -> None:
        surroundings = Surroundings(
            store=WatchedStore(self._database, self._link.timeline),
            database=self._engine_thread,
            watch=self._watch_thread,
            open_gateway=self._open_gateway,
            callback_base=lambda kind: "m=",
            chance=self._link.chance.random,
        )
        async with asyncio.TaskGroup() as group:
            if self._window is not None:
                group.create_task(Engine(surroundings, window=self._window).run(self.stopping))
            group.create_task(self._work())

    def _open_gateway(self, sender: SenderFacts) -> Wire:
        return Wire(self._provider, self.process, sender)

    async def _work(self) -> None:
        """Do every chore again and again, in any order, as the worker does; one without work is passed over."""
        chance = self._link.chance
        while not self.stopping.is_set():
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            due = [name for name, condition in _WORK.items() if self._is_news(name) and self._has(condition)]
            chance.shuffle(due)
            for name in due:
                changes = self._database.raw.total_changes
                with suppress(SQLAlchemyError):
                    await self._chores()[name]()
                    if changes == self._database.raw.total_changes:
                        self._fruitless[name] = changes, self._link.timeline.now

    def _is_news(self, name: str) -> bool:
        """Say whether a chore that found nothing to do may find something now."""
        changes, at = self._fruitless.get(name, (-1, 0.0))
        return changes != self._database.raw.total_changes or self._link.timeline.now > at + LOOK_AGAIN

    def _has(self, condition: str) -> bool:
        """Look past every layer, because most looks find nothing and thousands of worlds take them."""
        now = clock.now()
        ages = {name: f"{now - age:%Y-%m-%d %H:%M:%S.%f}" for name, age in _AGES.items()}
        return bool(self._database.raw.execute(f"SELECT EXISTS ({condition})", ages).fetchone()[0])

    def _chores(self) -> dict[str, Callable[[], Awaitable[object]]]:
        sessions, thread = self._database.sessions, self._engine_thread
        return {
            "plan": lambda: thread(plan, self._database, self._link.chance.randint(10, 70)),
            "receipts": lambda: thread(in_transaction, self._database, partial(apply_receipts, limit=50)),
            "sweep": lambda: thread(partial(sweep, sessions, limit=20)),
            "repair": lambda: thread(repair, self._database),
            "reconcile": lambda: reconcile(
                sessions, vault=VAULT, open_gateway=self._open_gateway, database=thread, patience=PATIENCE
            ),
        }


def in_transaction(database: Database, work: Callable[[Session], T]) -> T:
    """Do `work` in a transaction of its own."""
    with database.sessions.begin() as session:
        return work(session)


def plan(database: Database, chunk: int) -> None:
    """Fan out one chunk of each run that is being planned; a worker may be struck between two."""
    with database.sessions() as session:
        run_ids = list(session.scalars(select_planning()))
    for run_id in run_ids:
        chunks = iter((True,))
        fan_out(
            database.sessions,
            run_id,
            service_max_age_days=90,
            chunk=chunk,
            may_go_on=lambda chunks=chunks: next(chunks, False),  # type: ignore[misc]
        )


def repair(database: Database) -> None:
    """Reap what died, give up what nothing settles, expire what rests."""
    with database.sessions.begin() as session:
        reap(session, reap_after=PATIENCE.reap_after)
        give_up(session, unconfirmed_after=PATIENCE.unconfirmed_after)
        expire_resting(session)


def _tell(known: asyncio.Future[T], value: T) -> None:
    if not known.done():
        known.set_result(value)


def _fail(known: asyncio.Future[T], error: Exception) -> None:
    if not known.done():
        known.set_exception(error)


def _gone() -> OperationalError:
    return OperationalError("-- the database does not answer", {}, ConnectionError())
