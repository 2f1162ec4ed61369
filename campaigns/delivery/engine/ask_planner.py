"""What a lane asks the database for next depends on its pace, its fence and what it has already."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from campaigns.core import clock
from campaigns.delivery.engine.decisions import Decided, Wait, is_told, tell
from campaigns.delivery.engine.fair_queue import FairQueue
from campaigns.delivery.engine.fence import Fence, LaneFence
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.flow.pacing import GroupSizes, sizes_of_groups
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import Ask, Found, RunningRun
from campaigns.delivery.lanes.sender_facts import Line


class AskPlanner:
    """Says how large a group is, and which claims are wanted next."""

    def __init__(
        self, line: Line, flow: FlowControl, runs: LaneRuns, *, fence: Fence | LaneFence, window: int
    ) -> None:
        self._flow, self._runs, self._fence = flow, runs, fence
        self._line, self._fair_queue, self._window = line, FairQueue(line), window
        #: Parts of the longest text that was claimed lately.
        self._parts = 1
        self.sizes = GroupSizes(group=window, low=1)
        #: What kept the lane from claiming at the last look.
        self._waits: Wait | None = None

    def keep(self, runs: Iterable[RunningRun]) -> None:
        """Take over which runs are running."""
        self._fair_queue.keep(runs)

    def priority_of(self, run_id: int) -> int:
        """Return how urgent a run is."""
        return self._fair_queue.priority_of(run_id)

    def comes_back(self, run_id: int, due_at: datetime | None = None) -> None:
        """Note that a delivery goes back to the queue, and when it is due again; None: it was not called."""
        if due_at is None:
            self._fair_queue.put_back(run_id, clock.now())
        else:
            self._fair_queue.remind(run_id, due_at)

    def measure(self) -> None:
        """Take the pace of the moment for the sizes of groups."""
        self.sizes = sizes_of_groups(self._flow.parts_per_second() / self._parts, self._window)

    def next(self, waiting: int) -> Ask | None:
        """Return what to ask for while `waiting` claims wait for their call; None: nothing is due or allowed."""
        low = self.sizes.low
        room = self._flow.leaves(2 * low - waiting)
        if self._why_not(waiting) is not None or room <= 0:
            return None
        if self._flow.is_trying():
            # One is enough to see whether the provider is well again.
            return self._fair_queue.probe(clock.now())
        return self._fair_queue.next(clock.now(), min(room, low))

    def explain(self, waiting: int) -> None:
        """Tell the decision log why nothing is claimed, when that changed."""
        if not is_told():
            return
        waits = self._why_not(waiting)
        if waits is not None and waits is not self._waits:
            tell(Decided.WAITS, sender=self._line.sender_id, code=waits)
        self._waits = waits

    def learn(self, ask: Ask, found: Found, *, took: float) -> None:
        """Take over what was found for a request, in `took` seconds."""
        self._fair_queue.answer(ask, found, now=clock.now(), took=took)
        self._parts = max((claimed.parts for claimed in found.claimed), default=self._parts)

    def _why_not(self, waiting: int) -> Wait | None:
        if self._runs.to_pause:
            return Wait.RUN_IS_PAUSED
        if not self._fence.is_fresh():
            return Wait.FENCE_IS_BLIND
        waits = self._flow.why_not()
        if waits is not None:
            return waits
        if self._flow.is_trying() and (waiting or self._flow.is_calling()):
            return Wait.SENDER_IS_TRIED
        return Wait.DAILY_LIMIT if self._flow.leaves(1) <= 0 else None
