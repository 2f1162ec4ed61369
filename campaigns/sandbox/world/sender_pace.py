"""A sender and an account are paced: a sender by a queue of parts a second, an account by a bucket of calls."""

import time
from dataclasses import dataclass, field

from campaigns.sandbox.world.fixture import Sender


@dataclass(slots=True)
class SenderQueue:
    """The queue of one sender; times are seconds since the epoch on the sandbox's clock."""

    sender: Sender
    #: Parts per second; None is unlimited.
    pace: float | None
    free_at: float = 0.0

    def waiting_s(self, now: float) -> float:
        """Return how many seconds of sending already wait here."""
        return max(0.0, self.free_at - now)

    def book(self, parts: int, *, now: float, deadline: float) -> float | None:
        """Take the next slot for `parts` and return when it comes, or None if that is after `deadline`."""
        slot = max(now, self.free_at)
        if slot > deadline:
            return None
        if self.pace:
            self.free_at = slot + parts / self.pace
        return slot


@dataclass(slots=True)
class AccountBucket:
    """A token bucket over create calls in real time, one second deep."""

    rate: float | None
    _tokens: float = field(init=False, default=0.0)
    _filled_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._tokens = self.rate or 0.0
        self._filled_at = time.monotonic()

    def take(self) -> bool:
        """Take one call out of the bucket; False means that the account goes too fast."""
        if self.rate is None:
            return True
        now = time.monotonic()
        self._tokens = min(max(self.rate, 1.0), self._tokens + (now - self._filled_at) * self.rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
