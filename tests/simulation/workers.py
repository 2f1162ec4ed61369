"""A worker as a simulated process: the real engine and every chore of `campaigns.worker`, on virtual threads."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from campaigns.continuity.lifeline import Lifeline
from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.core.processes.steady import ClockGuard
from campaigns.core.processes.waiting import rest
from campaigns.delivery.engine.engine import Engine, Surroundings
from campaigns.delivery.engine.ports import Ask, Found, Result, Snapshot, Store
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.daily_limits import COUNT_EVERY, DailyLimits
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.repair.reconcile import reconcile
from campaigns.delivery.states import SendState
from campaigns.missed_inbound import MissedInbound
from campaigns.restoring.listening import Listener
from campaigns.worker import LISTEN_SECONDS, TEND_EVERY
from tests.simulation.chores import CHORES, LOOK_AGAIN, PATIENCE, Chore, Sessions, abandon, due_chores
from tests.simulation.database import ACCOUNT, VAULT, Database, gone
from tests.simulation.inbound import InboundOnly, Mailbox
from tests.simulation.plan import CLOCK_ERROR
from tests.simulation.processes import Process, Timeline
from tests.simulation.provider import Provider, Wire

T = TypeVar("T")

#: Seconds between two looks whether what people wrote is to be asked for.
LISTENS_EVERY = 20.0
#: Chores that lead out of the instance, to people or providers.
OUTWARD = frozenset({"plan", "reconcile"})
#: Chores that a worker does whatever its clock shows.
NEED_NO_CLOCK = frozenset({"sweep"})
#: Share of the looks at which receipts are left lying: merging them costs most of all chores.
LAZINESS = 0.7


@dataclass(slots=True)
class Link:
    """A process's way to the database: how slow it is, and when it is cut."""

    timeline: Timeline
    chance: Random
    is_cut: Callable[[], bool]
    #: Share of commits whose acknowledgement is lost, and of chores that end between two of their transactions.
    lost_commits: float = 0.0
    broken_off: float = 0.0


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
            self._process.call_later(delay, _fail, known, gone())
            return
        try:
            value = function(*arguments)
        except Exception as error:
            self._process.call_later(delay, _fail, known, error)
            return
        if self._link.lost_commits and self._link.chance.random() < self._link.lost_commits:
            self._process.call_later(delay, _fail, known, gone())
        else:
            self._process.call_later(delay, _tell, known, value)


class WatchedStore(DatabaseStore):
    """The real store, asked only for what it may answer in another way than before.

    A snapshot is read anew when something changed that it may hold, or it grew old; and who found nothing to claim
    looks again once the run's queue changed or the next delivery is due. Worlds go as they would without.
    """

    def __init__(
        self, database: Database, timeline: Timeline, guard: ClockGuard, lifeline: Lifeline | None
    ) -> None:
        super().__init__(database.sessions, VAULT, lifeline)
        self._guard = guard
        self._watched, self._timeline = database, timeline
        self._daily_limits = DailyLimits(lambda: timeline.now)
        #: As the database's, for this worker alone.
        self.kept: tuple[int, float, Snapshot] | None = None

    def snapshot(self) -> Snapshot:
        # As the store of a worker that has the lock.
        snapshot = self._kept_snapshot()
        return replace(snapshot, lanes=frozenset()) if self._guard.is_astray() else snapshot

    def _kept_snapshot(self) -> Snapshot:
        if self._watched.is_read_only:
            # PostgreSQL says so within the statement, on SQLite the leader lock does.
            raise UnavailableError("The database may only be read.")
        if self._lifeline is not None:
            return super().snapshot()
        # Limits are counted now and then, and each worker has its own count.
        keeper = self if self._watched.has_limits else self._watched
        version, now = self._watched.version, self._timeline.now
        if keeper.kept is not None:
            known, at, kept = keeper.kept
            is_lasting = not kept.withdrawn and keeper is self._watched
            if known == version and (is_lasting or now < at + COUNT_EVERY):
                return kept
        snapshot = super().snapshot()
        keeper.kept = version, now, snapshot
        return snapshot

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        if self._guard.is_astray():
            ask = None
        # What was accepted leaves every queue as it is; any other result may change one.
        # And with a lifeline nothing may be claimed at times, whatever there is.
        if ask is None or self._lifeline is not None or not all(map(_is_quiet, results)):
            return super().exchange(results, ask)
        question, now = (ask.line, ask.run_id, ask.after, ask.through), clock.now()
        known, version = self._watched.empty.get(question), self._watched.queues[ask.run_id]
        if known is not None and known.version == version and known.at <= now < known.until:
            if results:
                super().exchange(results, None)
            return known.found
        found = super().exchange(results, ask)
        # What a worker may not claim for a limit, another one may, which saw that the limit was lifted.
        if not found.taken and not self._watched.has_limits:
            self._watched.remember(question, now, found)
        return found

    def open_sender(self, sender_id: int, is_rehearsal: bool) -> SenderFacts:
        question, version = (sender_id, is_rehearsal), self._watched.version
        known = self._watched.senders.get(question)
        if known is not None and known[0] == version:
            self._daily_limits.forget()
            return known[1]
        facts = super().open_sender(sender_id, is_rehearsal)
        self._watched.senders[question] = version, facts
        return facts


class Worker(ABC):
    """One worker process, from its start until it is told to stop or is killed, on whatever store it has."""

    def __init__(self, process: Process, link: Link, *, provider: Provider, window: int | None) -> None:
        """Start a worker; without a window it only does the chores."""
        self.process, self.stopping = process, asyncio.Event()
        self._link, self._provider, self._window = link, provider, window
        self._engine_thread, self._watch_thread = Thread(process, link), Thread(process, link)
        self.task: asyncio.Task[None] = process.create_task(self._run())

    async def _run(self) -> None:
        await self._begin()
        surroundings = Surroundings(
            store=self._make_store(),
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
            group.create_task(self._tend())

    def calm(self) -> None:
        """Let nothing happen any more to what its process asks of the database."""
        self._link.lost_commits = self._link.broken_off = 0.0

    def _open_gateway(self, sender: SenderFacts) -> Wire:
        return Wire(self._provider, self.process, sender)

    async def _tend(self) -> None:
        """Watch over the place of the database, where there is one."""
        return

    @abstractmethod
    async def _begin(self) -> None:
        """Do what comes before anybody is called."""

    @abstractmethod
    def _make_store(self) -> Store:
        """Return what the engine claims from and writes to."""

    @abstractmethod
    async def _work(self) -> None:
        """Do the chores beside the engine until told to stop."""


class DatabaseWorker(Worker):
    """Works on the database, with every chore of a worker."""

    def __init__(
        self,
        process: Process,
        link: Link,
        *,
        database: Database,
        provider: Provider,
        mailbox: Mailbox,
        lifeline: Callable[[], Lifeline | None],
        window: int | None,
    ) -> None:
        self._database, self._mailbox, self._lifeline = database, mailbox, lifeline()
        # Whoever keeps a clock right does not keep one that is wrong by an hour.
        self._guard = ClockGuard(
            seconds=lambda: link.timeline.now, is_kept=lambda: abs(process.clock_error) <= CLOCK_ERROR
        )
        #: What the last look for chores saw of the database and of the clock, and when.
        self._looked: tuple[tuple[int, float], float] = ((-1, 0.0), 0.0)
        super().__init__(process, link, provider=provider, window=window)
        process.thread = self._engine_thread
        self._listener = Listener(
            self._lifeline,
            database.sessions,
            vault=VAULT,
            open_gateway=self._open_gateway,
            database=self._engine_thread,
            seconds=lambda: link.timeline.now,
        )
        process.at_end = self._listener.close
        self._listens_at = 0.0
        self._missed = MissedInbound(
            database.sessions,
            SimpleNamespace(vault=lambda: VAULT, **ACCOUNT),  # type: ignore[arg-type]
            seconds=lambda: link.timeline.now,
            open_gateway=lambda name, **_: InboundOnly(mailbox, process),  # type: ignore[arg-type]
        )

    async def _begin(self) -> None:
        """Hear first what people wrote while nobody was here."""
        self._mailbox.begins(self.process)
        try:
            await asyncio.wait_for(self._listen(), LISTEN_SECONDS)
        except (SQLAlchemyError, TimeoutError):
            self._mailbox.is_deaf(self.process)

    async def _tend(self) -> None:
        """Give signs of life, and look whether something older was put back."""
        while self._lifeline is not None and not self.stopping.is_set():
            with suppress(SQLAlchemyError, OSError):
                await self._listener.tend()
            await rest(self.stopping, TEND_EVERY)

    async def _listen(self) -> None:
        """Ask for what people wrote; where nobody writes at all, that is left out."""
        now = self._link.timeline.now
        if self._mailbox.is_used and now >= self._listens_at:
            self._listens_at = now + LISTENS_EVERY
            await self._missed.look()

    def _make_store(self) -> Store:
        return WatchedStore(self._database, self._link.timeline, self._guard, self._lifeline)

    async def _work(self) -> None:
        """Do every chore again and again, in any order, as the worker does; one without work is passed over."""
        chance = self._link.chance
        while not self.stopping.is_set():
            await asyncio.sleep(chance.uniform(0.5, 6.0) if self._window else chance.uniform(1.0, 10.0))
            if not self._guard.is_astray():
                with suppress(SQLAlchemyError):
                    await self._listen()
            due = self._due()
            chance.shuffle(due)
            for name in due:
                if name not in NEED_NO_CLOCK and self._guard.is_astray():
                    continue
                if name in OUTWARD and not self._listener.may_call():
                    continue
                if name == "receipts" and chance.random() < LAZINESS:
                    continue
                with suppress(SQLAlchemyError):
                    await self._do(name)

    def _due(self) -> list[str]:
        """Return the chores that will find something to do."""
        now = self._link.timeline.now
        seen = self._database.raw.total_changes, self.process.clock_error
        if seen == self._looked[0] and now < self._looked[1] + LOOK_AGAIN:
            return []
        self._looked = seen, now
        return due_chores(self._database, keeps_list=self._provider.plan.keeps_list)

    async def _do(self, name: str) -> None:
        sessions, thread = self._database.sessions, self._engine_thread
        if name == "reconcile":
            looked = await reconcile(
                sessions, vault=VAULT, open_gateway=self._open_gateway, database=thread, patience=PATIENCE
            )
            await thread(abandon, sessions, looked.unlisted)
        else:
            await thread(self._chore(name), sessions, self._link.chance.choice((10, 200)))

    def _chore(self, name: str) -> Chore:
        """Return a chore, or one that the database leaves alone after its first transaction or two."""
        chore, chance = CHORES[name], self._link.chance
        if chance.random() >= self._link.broken_off:
            return chore

        def broken_off(sessions: Sessions, limit: int) -> None:
            with self._database.breaking_off(after=chance.randint(1, 2)):
                chore(sessions, limit)

        return broken_off


def _is_quiet(result: Result) -> bool:
    return result.state is SendState.ACCEPTED and result.action is None and not result.falls_back


def _tell(known: asyncio.Future[T], value: T) -> None:
    if not known.done():
        known.set_result(value)


def _fail(known: asyncio.Future[T], error: Exception) -> None:
    if not known.done():
        known.set_exception(error)
