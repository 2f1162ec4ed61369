"""A bookkeeper brings claims in and results out, in one exchange with the database, while the callers call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from campaigns.core import clock
from campaigns.core.processes.crash import crash_point
from campaigns.core.processes.outages import OUTAGES
from campaigns.core.processes.threads import Runner
from campaigns.core.processes.waiting import rest
from campaigns.delivery.engine.ask_planner import AskPlanner
from campaigns.delivery.engine.decisions import Back
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.lane_notices import DATABASE_PAUSE, LaneNotices
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import Ask, Claimed, Found, Result, Store, put_back
from campaigns.delivery.engine.ready_claims import ReadyClaims
from campaigns.delivery.states import SendState

#: A claim that waits longer for its call goes back to the queue: twice what is claimed ahead, and well before the
#: fence refuses it.
WAIT_AT_MOST = timedelta(seconds=15)
#: A result waits at most so long for company before it is written, in seconds.
GROUP_SECONDS = 0.1
#: Longest sleep of the bookkeeper, in seconds: what became due is noticed by then.
NAP_SECONDS = 0.5


class Bookkeeper:
    """Hands results to the database and brings new claims back, in one transaction and without a barrier."""

    def __init__(
        self,
        store: Store,
        database: Runner,
        *,
        flow: FlowControl,
        runs: LaneRuns,
        asks: AskPlanner,
        notices: LaneNotices,
        passed_on: Callable[[int], None],
    ) -> None:
        self._store, self._database = store, database
        self._flow, self._runs, self._asks = flow, runs, asks
        self._notices, self._passed_on = notices, passed_on
        #: Claims that wait for their call, and results that wait to be written.
        self.ready, self._results = ReadyClaims(asks.priority_of), list[Result]()
        #: Set when there may be something to do.
        self._work = asyncio.Event()
        self._callers_are_gone = False

    def add(self, claimed: Claimed, result: Result) -> None:
        """Take over what became of a claim, to be written with others."""
        self._results.append(result)
        if result.state is SendState.QUEUED:
            self._asks.comes_back(claimed.run_id, result.due_at)
        if self._runs.to_pause and result.state is not SendState.ACCEPTED:
            self.put_back(self._of_paused_run)
            self._work.set()
        sizes = self._asks.sizes
        if len(self._results) >= sizes.group or len(self.ready) <= sizes.low:
            self._work.set()

    def put_back(self, why: Callable[[Claimed], Back | None]) -> None:
        """Put the claims back that nobody called yet and of which `why` gives a reason."""
        for claimed in self.ready.take_out(why):
            self._results.append(put_back(claimed))
            self._asks.comes_back(claimed.run_id)

    def look_up(self) -> None:
        """Look at once whether there is something to do."""
        self._work.set()

    def finish(self) -> None:
        """Write what is left, and let `keep` return: no caller is there any more."""
        self._callers_are_gone = True
        self._work.set()

    async def keep(self) -> None:
        """Write results and bring claims until the callers are gone and nothing is left."""
        # What a claim brings after the callers left goes back, instead of waiting for the reaper.
        while not self._callers_are_gone or self._results or self.ready:
            await self._rest()
            self._let_go()
            if self._runs.to_pause:
                await self._notices.pause_runs()
            await self._notices.tell_health(self._results)
            self._asks.measure()
            self._asks.explain(len(self.ready))
            ask = self._asks.next(len(self.ready))
            if self._results or ask is not None:
                await self._exchange(ask)

    async def _rest(self) -> None:
        """Sleep until a group of results is there, deliveries are wanted, or something has waited long enough."""
        self._work.clear()
        self._asks.measure()
        sizes, waiting = self._asks.sizes, len(self.ready)
        is_last = self._callers_are_gone or (self._flow.is_stopping and (self._results or waiting))
        is_low = waiting <= sizes.low and self._asks.next(waiting) is not None
        if is_last or is_low or len(self._results) >= sizes.group:
            return
        await rest(self._work, GROUP_SECONDS if self._results else NAP_SECONDS)

    def _let_go(self) -> None:
        """Put claims back that will not be called soon.

        The lane stops, a run is paused, the sender is held, or urgent claims keep them waiting.
        """
        oldest, every = clock.now() - WAIT_AT_MOST, self._why_every()
        if every is not None or self._runs.to_pause or self.ready.has_older_than(oldest):
            self.put_back(lambda claimed: every or self._of_paused_run(claimed) or _because_old(claimed, oldest))

    def _why_every(self) -> Back | None:
        if self._flow.is_stopping:
            return Back.STOPPING
        if self._flow.is_paused:
            return Back.SENDER_IS_PAUSED
        return Back.SENDER_IS_HELD if self._flow.is_held_for_long() else None

    def _of_paused_run(self, claimed: Claimed) -> Back | None:
        return Back.RUN_IS_PAUSED if claimed.run_id in self._runs.to_pause else None

    async def _exchange(self, ask: Ask | None) -> None:
        results, self._results = self._results, []
        time = asyncio.get_running_loop().time
        started = time()
        try:
            found: Found = await self._database(self._store.exchange, results, ask)
        except SQLAlchemyError as error:
            # Nothing is lost: the results wait here, and the fence closes because its listener fails too.
            OUTAGES.tell(error, f"writing {len(results)} results, which wait")
            self._results[:0] = results
            await asyncio.sleep(DATABASE_PAUSE)
            return
        if results:
            crash_point("recorded")
        for run_id in {result.run_id for result in results if result.falls_back}:
            self._passed_on(run_id)
        if ask is not None:
            crash_point("claimed")
            self._asks.learn(ask, found, took=time() - started)
            self.ready.line_up(found.claimed)
            self._flow.claimed(len(found.claimed))


def _because_old(claimed: Claimed, oldest: datetime) -> Back | None:
    return Back.WAITED_TOO_LONG if claimed.intent_at < oldest else None
