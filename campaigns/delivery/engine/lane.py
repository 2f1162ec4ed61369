"""A lane sends all that is due over one sender, with its window kept full and no barrier between batches.

As many callers as the window take claimed deliveries one by one when flow control lets them, make the call and
leave a result. One bookkeeper exchanges results for new claims with the database while they call. Nothing here
knows a database, a provider or a clock but through what it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from campaigns.core import clock
from campaigns.core.processes.threads import Runner
from campaigns.delivery.engine.ask_planner import AskPlanner
from campaigns.delivery.engine.bookkeeper import Bookkeeper
from campaigns.delivery.engine.caller import Caller
from campaigns.delivery.engine.decisions import Back
from campaigns.delivery.engine.fence import Fence, LaneFence
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.lane_notices import LaneNotices
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import Claimed, RunningRun, Store
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.gateways.base import Gateway


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
    ) -> None:
        """Prepare a lane.

        `window` is the number of calls in flight; `callback_base` the callback URL up to the reference, or None
        when the gateway calls nobody back; `chance` gives random numbers in [0, 1); `passed_on` is told of each
        run whose deliveries went to its next sender.
        """
        flow = self._flow = FlowControl(sender, asyncio.get_running_loop())
        runs = self._runs = LaneRuns(is_rehearsal=sender.is_rehearsal)
        asks = self._asks = AskPlanner(sender.line, flow, runs, fence=fence, window=window)
        notices = LaneNotices(store, database, sender_id=sender.sender_id, flow=flow, runs=runs)
        self._books = Bookkeeper(
            store, database, flow=flow, runs=runs, asks=asks, notices=notices, passed_on=passed_on
        )
        self._caller = Caller(
            sender, gateway, fence=fence, flow=flow, runs=runs, callback_base=callback_base, chance=chance
        )
        self._window = window

    def keep_runs(self, runs: Sequence[RunningRun], *, seen_at: float) -> None:
        """Take over which runs of the sender are running, its pace and what its daily limit leaves.

        `seen_at` is the monotonic moment before they were read.
        """
        running = {run.run_id for run in runs}
        self._asks.keep(runs)
        self._runs.keep(runs)
        for run in runs[:1]:
            # These are the sender's, so each run says the same.
            self._flow.keep(run, seen_at=seen_at)
        self._flow.wake(1)
        # The fence would refuse them, but one by one and each at the cost of the pace.
        self._books.put_back(lambda claimed: None if claimed.run_id in running else Back.NOT_RUNNING)

    def remind(self, run_id: int) -> None:
        """Look for deliveries of a run at once, because another lane passed some on."""
        self._asks.comes_back(run_id, clock.now())
        self._books.look_up()

    def stop(self) -> None:
        """Claim nothing more; `run` returns once the calls in flight are finished and written."""
        self._flow.stop()
        self._books.look_up()

    async def run(self) -> None:
        """Send until stopped. Cancelling it leaves calls in flight as `sending`, for the reaper."""
        async with asyncio.TaskGroup() as group:
            callers = [group.create_task(self._work_off()) for _ in range(self._window)]
            group.create_task(self._books.keep())
            await asyncio.wait(callers)
            self._books.finish()

    async def _work_off(self) -> None:
        """Call for one claim after the other, as one of the window."""
        while (claimed := await self._next()) is not None:
            try:
                result = await self._caller.call(claimed)
            finally:
                self._flow.end()
            self._books.add(claimed, result)

    async def _next(self) -> Claimed | None:
        """Return the next claim when it is its time, or None when the lane stops."""
        flow, ready = self._flow, self._books.ready
        while not flow.is_stopping:
            wait = flow.wait() if ready else None
            if wait == 0:
                claimed = ready.take_first()
                flow.begin(claimed.parts, is_last=not ready)
                return claimed
            await flow.park(wait)
        return None
