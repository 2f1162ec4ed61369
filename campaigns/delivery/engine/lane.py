"""A lane sends all that is due over one sender, with its window kept full and no barrier between batches.

Callers (as many as the window) take claimed deliveries one by one, ask the breaker and the pace, call the gateway
and leave a result. One bookkeeper exchanges results for new claims with the database while they call. Nothing here
knows a database, a provider or a clock but through what it is given.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import clock
from campaigns.core.errors import FingerpostError
from campaigns.core.processes.crash import crash_point as crash_point_of_process
from campaigns.core.processes.outages import OUTAGES
from campaigns.core.processes.threads import Runner
from campaigns.core.processes.waiting import rest
from campaigns.core.sentences import Sentence
from campaigns.delivery.engine.breaker import RunBreaker, SenderBreaker
from campaigns.delivery.engine.fair_queue import FairQueue
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, LaneFence, Refusal
from campaigns.delivery.engine.health_changes import HealthChanges
from campaigns.delivery.engine.pacing import Pace, Quota, size_of_group
from campaigns.delivery.engine.ports import Ask, Claimed, Found, Result, RunningRun, Store
from campaigns.delivery.engine.retry import counted_from, decide
from campaigns.delivery.engine.waiters import Waiters
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Gateway, Outgoing, SendError, ThrottledError, UnknownOutcomeError
from campaigns.planning.models import Health

#: Claims reach at most so far ahead of the pace, in seconds: an intent must not grow old while it waits its turn.
CLAIM_AHEAD_SECONDS = 5.0
#: A claim that waits longer for its call goes back to the queue: twice what is claimed ahead, and well before the
#: fence refuses it.
WAIT_AT_MOST = timedelta(seconds=15)
#: A result waits at most so long for company before it is written, in seconds.
GROUP_SECONDS = 0.1
#: Longest sleep of the bookkeeper, in seconds: what became due is noticed by then.
NAP_SECONDS = 0.5
#: Pause after the database did not answer, in seconds.
DATABASE_PAUSE = 1.0

_log = logging.getLogger(__name__)


class Lane:
    """Sends what the runs of one sender have due, until it is stopped; made and run inside one event loop."""

    def __init__(
        self,
        sender: SenderFacts,
        gateway: Gateway,
        *,
        store: Store,
        database: Runner,
        fence: Fence | LaneFence,
        window: int,
        callback_base: str | None,
        chance: Callable[[], float],
        passed_on: Callable[[int], None] = lambda run_id: None,
        crash_point: Callable[[str], None] = crash_point_of_process,
    ) -> None:
        """Prepare a lane.

        `window` is the number of calls in flight; `callback_base` the callback URL up to the reference, or None
        when the gateway calls nobody back; `chance` gives random numbers in [0, 1); `passed_on` is told of each
        run whose deliveries went to its next sender.
        """
        self._sender, self._gateway = sender, gateway
        self._store, self._database, self._fence = store, database, fence
        self._window, self._callback_base = window, callback_base
        self._chance, self._passed_on, self._crash_point = chance, passed_on, crash_point
        loop = asyncio.get_running_loop()
        self._time, self._waiters = loop.time, Waiters(loop)
        self._pace, self._quota = Pace(sender.pace, loop.time()), Quota()
        self._fair_queue, self._breaker = FairQueue(sender.line), SenderBreaker()
        self._health_changes, self._run_breakers = HealthChanges(sender), dict[int, RunBreaker]()
        #: Runs with another sender after this one, and those of them whose deliveries went on to it just now.
        self._with_next, self._passing = frozenset[int](), set[int]()
        self._ready, self._results = deque[Claimed](), list[Result]()
        #: Runs to pause, with the reason.
        self._pauses: dict[int, Sentence] = {}
        #: Calls on the wire, parts of the longest text claimed lately, the last `_limit()` and what makes a group.
        self._in_flight, self._parts, self._low, self._group = 0, 1, 1, window
        #: Paused: the provider blames the sender, and nothing more is called until a member mended it.
        self._stopping = self._callers_done = self._is_paused = False
        #: Set when the bookkeeper may have something to do.
        self._work = asyncio.Event()

    def keep_runs(self, runs: Sequence[RunningRun], *, seen_at: float) -> None:
        """Take over which runs of the sender are running, its pace and what its daily limit leaves.

        `seen_at` is the monotonic moment before they were read.
        """
        run_ids = {run.run_id for run in runs}
        self._fair_queue.keep(runs)
        self._with_next = frozenset(run.run_id for run in runs if run.has_next)
        for run in runs[:1]:
            # These are the sender's, so each run says the same.
            self._pace.set(run.pace)
            self._quota.set(run.allowance, counted=run.counted, seen_at=seen_at)
        self._waiters.wake(1)
        # The fence would refuse them, but one by one and each at the cost of the pace.
        self._give_back(lambda claimed: claimed.run_id not in run_ids)
        for gone in self._run_breakers.keys() - run_ids:
            del self._run_breakers[gone]

    def remind(self, run_id: int) -> None:
        """Look for deliveries of a run at once, because another lane passed some on."""
        self._fair_queue.remind(run_id, clock.now())
        self._work.set()

    def stop(self) -> None:
        """Claim nothing more; `run` returns once the calls in flight are finished and written."""
        self._stopping = True
        self._work.set()
        self._waiters.wake_all()

    async def run(self) -> None:
        """Send until stopped. Cancelling it leaves calls in flight as `sending`, for the reaper."""
        async with asyncio.TaskGroup() as group:
            callers = [group.create_task(self._call()) for _ in range(self._window)]
            group.create_task(self._keep_books())
            await asyncio.wait(callers)
            self._callers_done = True
            self._work.set()

    async def _call(self) -> None:
        while (claimed := await self._take()) is not None:
            try:
                result = await self._deliver(claimed)
            finally:
                self._in_flight -= 1
            self._results.append(result)
            if len(self._results) >= self._group or len(self._ready) <= self._low:
                self._work.set()

    async def _take(self) -> Claimed | None:
        """Return the next delivery when it is its time, or None when the lane stops."""
        while not self._stopping:
            wait = self._wait_before_call()
            if wait == 0:
                claimed = self._ready.popleft()
                self._pace.take(claimed.parts, self._time())
                self._breaker.begin()
                self._in_flight += 1
                if self._waiters.is_used:
                    self._waiters.call_next(self._wait_before_call())
                return claimed
            await self._waiters.park(wait)
        return None

    def _wait_before_call(self) -> float | None:
        """Return the seconds until the next call may start; None when only news can tell."""
        if not self._ready or self._is_paused:
            return None
        now = self._time()
        held = self._breaker.wait(now, self._in_flight)
        return held if held != 0 else self._pace.wait(now)

    async def _deliver(self, claimed: Claimed) -> Result:
        """Make the one call for a claimed delivery and return what became of it."""
        left, base = claimed.expires_at - clock.now(), self._callback_base
        outgoing = Outgoing(
            reference=claimed.reference,
            to=claimed.to,
            body=claimed.body,
            sender=self._sender.identity,
            callback_url=None if base is None else base + claimed.reference,
            valid_for_seconds=int(left.total_seconds()),
            template=claimed.template,
        )
        try:
            accepted = await self._gateway.send(outgoing, partial(self._fence.check, claimed))
        except FenceRefusedError as refused:
            return self._refused(claimed, refused.refusal)
        except SendError as error:
            return self._failed(claimed, error)
        except Exception:
            # A fault of ours in the middle of a call: it cannot be known whether the request left.
            _log.exception("the call for delivery %s broke", claimed.id)
            return self._failed(claimed, UnknownOutcomeError("internal"))
        self._crash_point("replied")
        self._breaker.succeeded()
        self._run_breaker(claimed.run_id).accepted()
        return Result(
            claimed.id,
            claimed.token,
            SendState.ACCEPTED,
            claimed.attempts,
            provider_id=accepted.provider_id,
            reference=accepted.reference,
        )

    def _refused(self, claimed: Claimed, refusal: Refusal) -> Result:
        _log.info("fence closed for delivery %s: %s", claimed.id, refusal)
        self._breaker.abandoned()
        if refusal is Refusal.WITHDRAWN:
            return Result(claimed.id, claimed.token, SendState.SUPPRESSED, claimed.attempts, refund=True)
        return self._put_back(claimed)

    def _put_back(self, claimed: Claimed) -> Result:
        """Return a claim that was not called to the queue, where the sweeps find it if its run was stopped."""
        self._fair_queue.put_back(claimed.run_id, clock.now())
        return Result(claimed.id, claimed.token, SendState.QUEUED, claimed.attempts, refund=True)

    def _blame(self, error: SendError, now: float) -> None:
        self._health_changes.failed(error)
        if self._breaker.failed(error, now):
            _log.warning("sender %s is held: %s", self._sender.sender_id, error.code)
            if isinstance(error, ThrottledError):
                self._pace.slow(now)
        # In a rehearsal nobody has to mend the sender; the run's own breaker pauses the run.
        self._is_paused = self._breaker.is_blamed() and not self._sender.is_rehearsal

    def _failed(self, claimed: Claimed, error: SendError) -> Result:
        now = self._time()
        self._blame(error, now)
        decision = decide(
            error,
            attempts=claimed.attempts,
            now=counted_from(clock.now(), claimed.intent_at),
            expires_at=claimed.expires_at,
            chance=self._chance(),
            unsent_for=self._breaker.unsent_for(now),
        )
        falls_back = decision.falls_back and claimed.run_id in self._with_next
        if falls_back:
            self._passing.add(claimed.run_id)
        reason = self._run_breaker(claimed.run_id).failed(error, falls_back=falls_back)
        if reason is not None:
            self._pauses.setdefault(claimed.run_id, reason)
            self._give_back(lambda claimed: claimed.run_id in self._pauses)
            self._work.set()
        if decision.due_at is not None:
            self._fair_queue.remind(claimed.run_id, decision.due_at)
        return Result(
            claimed.id,
            claimed.token,
            decision.state,
            claimed.attempts,
            error=decision.error,
            due_at=decision.due_at,
            refund=decision.refund,
            outcome=decision.outcome,
            address_id=claimed.address_id,
            # What the sandbox says of a stand-in says nothing of the person.
            action=None if self._sender.is_rehearsal else decision.action,
            falls_back=falls_back,
        )

    def _run_breaker(self, run_id: int) -> RunBreaker:
        breaker = self._run_breakers.get(run_id)
        if breaker is None:
            breaker = self._run_breakers[run_id] = RunBreaker(is_rehearsal=self._sender.is_rehearsal)
        return breaker

    async def _keep_books(self) -> None:
        # What a claim brings after the callers left goes back, instead of waiting for the reaper.
        while not self._callers_done or self._results or self._ready:
            await self._rest()
            self._release()
            if self._pauses:
                await self._pause_runs()
            await self._tell_health()
            ask = self._next_ask()
            if self._results or ask is not None:
                await self._exchange(ask)

    async def _rest(self) -> None:
        """Sleep until a group of results is there, deliveries are wanted, or something has waited long enough."""
        self._work.clear()
        is_last = self._callers_done or (self._stopping and (self._results or self._ready))
        is_low = len(self._ready) <= self._limit() and self._next_ask() is not None
        if is_last or is_low or len(self._results) >= self._group:
            return
        await rest(self._work, GROUP_SECONDS if self._results else NAP_SECONDS)

    def _line_up(self, claimed: Sequence[Claimed]) -> None:
        """Let claims wait behind those that are as urgent, and before all others."""
        priority = self._fair_queue.priority_of(claimed[0].run_id) if claimed else 0
        passed = deque[Claimed]()
        while priority and self._ready and self._fair_queue.priority_of(self._ready[-1].run_id) < priority:
            passed.appendleft(self._ready.pop())
        self._ready.extend(claimed)
        self._ready.extend(passed)

    def _release(self) -> None:
        """Put claims back that will not be called soon.

        The lane stops, a run is paused, the sender is held, or urgent claims keep them waiting.
        """
        held = self._breaker.wait(self._time(), 0) or 0.0
        every = self._stopping or self._is_paused or held > CLAIM_AHEAD_SECONDS
        oldest = clock.now() - WAIT_AT_MOST
        is_old = bool(self._ready) and self._ready[-1].intent_at < oldest
        if not every and not self._pauses and not is_old:
            return
        self._give_back(lambda claimed: every or claimed.run_id in self._pauses or claimed.intent_at < oldest)

    def _give_back(self, is_unwanted: Callable[[Claimed], bool]) -> None:
        """Put the claims back that nobody called yet and `is_unwanted` says so of."""
        ready, self._ready = self._ready, deque()
        for claimed in ready:
            if is_unwanted(claimed):
                self._results.append(self._put_back(claimed))
            else:
                self._ready.append(claimed)

    async def _pause_runs(self) -> None:
        for run_id, reason in list(self._pauses.items()):
            _log.warning("run %s is paused: %s", run_id, reason)
            try:
                await self._database(self._store.pause, run_id, reason)
            except SQLAlchemyError as error:
                OUTAGES.tell(error, f"pausing run {run_id}")
                return
            except FingerpostError:
                _log.warning("run %s is not paused any more", run_id, exc_info=True)
            del self._pauses[run_id]
            self._run_breakers.pop(run_id, None)

    async def _tell_health(self) -> None:
        """Write how the sender fares, when that changed; one that its provider blames stops here."""
        is_held = not self._breaker.is_closed()
        news = self._health_changes.news(is_paused=self._is_paused, is_held=is_held, results=self._results)
        if news is None:
            return
        health, code = news
        try:
            await self._database(self._store.tell_health, self._sender.sender_id, health, code)
        except SQLAlchemyError as error:
            OUTAGES.tell(error, f"writing how sender {self._sender.sender_id} fares")
            await asyncio.sleep(DATABASE_PAUSE)
            return
        self._health_changes.told = health
        if health is Health.PAUSED:
            _log.warning("sender %s is paused: %s", self._sender.sender_id, code)
            # Not before it is written: the engine opens the lane anew as long as the sender is not paused.
            self.stop()

    def _next_ask(self) -> Ask | None:
        """Return what to ask the database for, or None while there is enough, or calling is not allowed anyway."""
        now = self._time()
        room = self._quota.left(2 * self._limit() - len(self._ready))
        if self._stopping or self._pauses or self._is_paused or not self._fence.is_fresh() or room <= 0:
            return None
        if self._breaker.wait(now, 0) or self._pace.wait(now) > CLAIM_AHEAD_SECONDS:
            return None
        if not self._breaker.is_closed():
            # One is enough to see whether the provider is well again.
            return None if self._ready or self._in_flight else self._fair_queue.probe(clock.now())
        return self._fair_queue.next(clock.now(), min(room, self._limit()))

    def _limit(self) -> int:
        """Return how many claims may be asked for at once: a group, or what the pace lets go in time.

        When only that number is left, as many more are asked for: callers stay busy, however slow the disk is.
        """
        per_second = self._pace.rate / self._parts
        self._group = size_of_group(per_second, self._window)
        self._low = max(1, min(self._group, int(per_second * CLAIM_AHEAD_SECONDS)))
        return self._low

    async def _exchange(self, ask: Ask | None) -> None:
        results, self._results = self._results, []
        passing, self._passing = self._passing, set()
        started = self._time()
        try:
            found: Found = await self._database(self._store.exchange, results, ask)
        except SQLAlchemyError as error:
            # Nothing is lost: the results wait here, and the fence closes because its listener fails too.
            OUTAGES.tell(error, f"writing {len(results)} results, which wait")
            self._results[:0] = results
            self._passing |= passing
            await asyncio.sleep(DATABASE_PAUSE)
            return
        if results:
            self._crash_point("recorded")
        for run_id in passing:
            self._passed_on(run_id)
        if ask is not None:
            self._crash_point("claimed")
            self._fair_queue.answer(ask, found, now=clock.now(), took=self._time() - started)
            self._line_up(found.claimed)
            self._quota.take(len(found.claimed), self._time())
            self._parts = max((claimed.parts for claimed in found.claimed), default=self._parts)
            self._waiters.wake(len(found.claimed))
