"""The fence is the last check before the socket; it is made on memory that a listener keeps fresh."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum

from campaigns.core import clock
from campaigns.core.errors import RefusedError
from campaigns.delivery.engine.ports import Claimed, Snapshot
from campaigns.delivery.lanes.call_limits import INTENT_LIFE
from campaigns.delivery.lanes.sender_facts import LaneKey

#: How often the listener refreshes, in seconds; a stop or opt-out is seen this late at most.
REFRESH_SECONDS = 0.3
#: Memory older than this, in seconds, closes the fence: a database that cannot be asked may hold a stop.
FRESH_SECONDS = 2.0
#: How far the wall clock may have been set back since the claim.
CLOCK_SLACK = timedelta(seconds=5)


class Refusal(StrEnum):
    """Why the fence is closed for a call."""

    BLIND = "blind"
    NOT_RUNNING = "not_running"
    WITHDRAWN = "withdrawn"
    LATE = "late"
    NOT_OURS = "not_ours"


class FenceRefusedError(RefusedError):
    """The fence is closed for this call; nothing was written to the socket."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"The call was not begun: {refusal}.")
        self.refusal = refusal


class Fence:
    """Decides from the latest snapshot whether a call may begin now."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._snapshot = Snapshot()
        self._asked_at = float("-inf")

    @property
    def snapshot(self) -> Snapshot:
        """What the listener saw last."""
        return self._snapshot

    def refresh(self, snapshot: Snapshot, *, asked_at: float) -> None:
        """Take over what the listener read; `asked_at` is the monotonic moment before it asked."""
        self._snapshot = snapshot
        self._asked_at = asked_at

    def is_fresh(self) -> bool:
        """Say whether the memory is young enough to trust."""
        return self._monotonic() - self._asked_at <= FRESH_SECONDS

    def check(self, claimed: Claimed) -> None:
        """Raise FenceRefusedError unless the call for `claimed` may begin at this moment."""
        if not self.is_fresh():
            raise FenceRefusedError(Refusal.BLIND)
        if claimed.run_id not in self._snapshot.running:
            raise FenceRefusedError(Refusal.NOT_RUNNING)
        if self._has_refused(claimed):
            raise FenceRefusedError(Refusal.WITHDRAWN)
        now = clock.now()
        # The token needs no look-up: nobody takes a row from its claim before it is much older than this.
        if not -CLOCK_SLACK <= now - claimed.intent_at < INTENT_LIFE or now >= claimed.expires_at:
            raise FenceRefusedError(Refusal.LATE)

    def _has_refused(self, claimed: Claimed) -> bool:
        """Say whether the person said stop, or may have, but for what the claim of an answer has seen already."""
        refused_at = self._snapshot.withdrawn.get(claimed.address_id)
        if refused_at is None:
            return False
        return not claimed.is_answer or refused_at > claimed.intent_at - CLOCK_SLACK


class LaneFence:
    """The fence of one lane: its worker's, and closed besides once another worker serves the lane."""

    def __init__(self, fence: Fence, lane: LaneKey) -> None:
        self._fence, self._lane = fence, lane

    def is_fresh(self) -> bool:
        """Say whether the memory is young enough to trust."""
        return self._fence.is_fresh()

    def check(self, claimed: Claimed) -> None:
        """Raise FenceRefusedError unless the call for `claimed` may begin at this moment."""
        if not self._fence.snapshot.is_ours(self._lane):
            raise FenceRefusedError(Refusal.NOT_OURS)
        self._fence.check(claimed)
