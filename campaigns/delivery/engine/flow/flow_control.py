"""Flow control says when a call over one sender may begin, and what keeps the lane from claiming more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from campaigns.delivery.engine.decisions import Decided, Wait, tell
from campaigns.delivery.engine.flow.breaker import SenderBreaker
from campaigns.delivery.engine.flow.health_changes import HealthChanges
from campaigns.delivery.engine.flow.pacing import CLAIM_AHEAD_SECONDS, Pace, Quota
from campaigns.delivery.engine.flow.waiters import Waiters
from campaigns.delivery.engine.ports import Result, RunningRun
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.gateways.base import SendError, ThrottledError
from campaigns.planning.models import Health

_log = logging.getLogger(__name__)


class FlowControl:
    """Pace, breaker and daily limit of a sender, its calls on the wire, and the callers that wait for a turn."""

    def __init__(self, sender: SenderFacts, loop: asyncio.AbstractEventLoop) -> None:
        self._sender, self._time, self._waiters = sender, loop.time, Waiters(loop)
        self._pace, self._quota, self._breaker = Pace(sender.pace, loop.time()), Quota(), SenderBreaker()
        self._health_changes = HealthChanges(sender)
        #: Calls on the wire.
        self._in_flight = 0
        #: Whether nothing more is called: the lane ends, or the provider blames the sender, which a member has to
        #: mend first.
        self.is_stopping = self.is_paused = False

    def keep(self, run: RunningRun, *, seen_at: float) -> None:
        """Take over the sender's pace and what its daily limit leaves, which any of its running runs tells."""
        self._pace.set(run.pace)
        self._quota.set(run.allowance, counted=run.counted, seen_at=seen_at)

    def stop(self) -> None:
        """Begin no further call, and let every caller that waits for one go."""
        self.is_stopping = True
        self._waiters.wake_all()

    def wait(self) -> float | None:
        """Return the seconds until a call may begin, 0 when it may now, None when only news can tell."""
        if self.is_paused:
            return None
        now = self._time()
        held = self._breaker.wait(now, self._in_flight)
        return held if held != 0 else self._pace.wait(now)

    async def park(self, wait: float | None) -> None:
        """Sleep until there is news, or until `wait` seconds have passed."""
        await self._waiters.park(wait)

    def begin(self, parts: int, *, is_last: bool) -> None:
        """Note that a call begins, and see that the next caller goes on unless it took the last claim."""
        self._pace.take(parts, self._time())
        self._breaker.begin()
        self._in_flight += 1
        if self._waiters.is_used and not is_last:
            self._waiters.call_next(self.wait())

    def end(self) -> None:
        """Note that a call ended, in whatever way."""
        self._in_flight -= 1

    def succeeded(self) -> None:
        """Note an acceptance."""
        self._breaker.succeeded()

    def abandoned(self) -> None:
        """Note that the fence refused the call."""
        self._breaker.abandoned()

    def failed(self, error: SendError) -> None:
        """Note a failed call, which may hold the sender, slow it, or show that its provider blames it."""
        now = self._time()
        self._health_changes.failed(error)
        if self._breaker.failed(error, now):
            sender_id, seconds = self._sender.sender_id, self._breaker.wait(now, 0)
            _log.warning("sender %s is held: %s", sender_id, error.code)
            tell(Decided.SENDER_HELD, sender=sender_id, code=error.code, seconds=f"{seconds:.1f}")
            if isinstance(error, ThrottledError):
                self._pace.slow(now)
        # In a rehearsal nobody has to mend the sender; the run's own breaker pauses the run.
        self.is_paused = self._breaker.is_blamed() and not self._sender.is_rehearsal

    def unsent_for(self) -> float:
        """Return for how many seconds no call has reached the provider."""
        return self._breaker.unsent_for(self._time())

    def wake(self, count: int) -> None:
        """Wake `count` callers, because there is something to call for or the pace may be another."""
        self._waiters.wake(count)

    def claimed(self, count: int) -> None:
        """Note that claims were brought, which count against the daily limit, and wake as many callers."""
        self._quota.take(count, self._time())
        self._waiters.wake(count)

    def why_not(self) -> Wait | None:
        """Return what keeps the lane from claiming anything more for now, or None."""
        now = self._time()
        if self.is_stopping:
            return Wait.STOPPING
        if self.is_paused:
            return Wait.SENDER_IS_PAUSED
        if self._breaker.wait(now, 0):
            return Wait.SENDER_IS_HELD
        return Wait.PACE if self._pace.wait(now) > CLAIM_AHEAD_SECONDS else None

    def leaves(self, most: int) -> int:
        """Return how many of `most` messages the daily limit leaves."""
        return self._quota.left(most)

    def is_held_for_long(self) -> bool:
        """Say whether the sender is held for longer than is claimed ahead."""
        return (self._breaker.wait(self._time(), 0) or 0.0) > CLAIM_AHEAD_SECONDS

    def is_trying(self) -> bool:
        """Say whether the sender is held, or tried out by single calls."""
        return not self._breaker.is_closed()

    def is_calling(self) -> bool:
        """Say whether a call is on the wire."""
        return self._in_flight > 0

    def parts_per_second(self) -> float:
        """Return the pace that is kept at present."""
        return self._pace.rate_at(self._time())

    def news(self, results: Iterable[Result]) -> tuple[Health, str] | None:
        """Return how the sender fares by its latest results, with the code behind it; None when that is known."""
        is_held = self.is_trying()
        return self._health_changes.news(is_paused=self.is_paused, is_held=is_held, results=results)

    def told(self, health: Health) -> None:
        """Note that it is written how the sender fares."""
        self._health_changes.told = health
