"""A lane keeps here how each of its runs fares, which have a next sender, and which it has to pause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from functools import partial

from campaigns.core.sentences import Sentence
from campaigns.delivery.engine.decisions import Decided, tell
from campaigns.delivery.engine.flow.breaker import RunBreaker
from campaigns.delivery.engine.ports import RunningRun
from campaigns.gateways.base import SendError


class LaneRuns:
    """The runs of one lane, as its calls and the listener tell of them."""

    def __init__(self, *, is_rehearsal: bool) -> None:
        self._breakers = defaultdict[int, RunBreaker](partial(RunBreaker, is_rehearsal=is_rehearsal))
        #: Runs with another sender after this one.
        self._with_next = frozenset[int]()
        #: Runs to pause, with the reason.
        self.to_pause: dict[int, Sentence] = {}

    def keep(self, runs: Collection[RunningRun]) -> None:
        """Take over which runs are running, and forget how the others fared."""
        running = {run.run_id for run in runs}
        # Of a run that was just paused or stopped calls are on their way: who is refused still has another sender.
        self._with_next = self._with_next - running | {run.run_id for run in runs if run.has_next}
        for gone in self._breakers.keys() - running:
            del self._breakers[gone]

    def has_next(self, run_id: int) -> bool:
        """Say whether a run has another sender after this one."""
        return run_id in self._with_next

    def accepted(self, run_id: int) -> None:
        """Note an acceptance."""
        self._breakers[run_id].accepted()

    def failed(self, run_id: int, error: SendError, *, falls_back: bool) -> None:
        """Note a failed call, and that the run has to be paused when it is one too many."""
        reason = self._breakers[run_id].failed(error, falls_back=falls_back)
        if reason is not None and run_id not in self.to_pause:
            self.to_pause[run_id] = reason
            tell(Decided.RUN_PAUSED, run=run_id, code=error.code)

    def paused(self, run_id: int) -> None:
        """Note that a run is paused; it begins anew when it goes on."""
        del self.to_pause[run_id]
        self._breakers.pop(run_id, None)
