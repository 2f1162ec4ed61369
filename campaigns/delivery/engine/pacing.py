"""Pure rules pace a sender: a bucket of parts per second, which slows when told to, and a daily limit."""

from __future__ import annotations

from collections import deque

#: What may be sent at once after a pause, in seconds of the full pace.
BURST_SECONDS = 0.1
#: Each time the provider throttles, the pace is halved, down to this share of the configured one.
SLOWEST_SHARE = 1 / 64
#: Share of the configured pace that is regained per second without throttling.
RECOVERY_SHARE = 0.02
#: What a group of claims holds at least and at most, in windows; and above the least, seconds of the pace.
LEAST_WINDOWS, MOST_WINDOWS, QUICKLY_SENT = 2, 8, 0.25


class Pace:
    """Counts parts against time. All moments are monotonic seconds given by the caller.

    A message may start when the level is above zero and then takes all its parts, so a long text borrows from
    the future instead of waiting for a bucket that is too small for it.
    """

    def __init__(self, parts_per_second: float, now: float) -> None:
        self._nominal = max(parts_per_second, 0.001)
        self._rate = self._nominal
        self._level = self._burst = _burst_of(self._rate)
        self._at = now

    @property
    def rate(self) -> float:
        """Parts per second allowed at present."""
        return self._rate

    def wait(self, now: float) -> float:
        """Return the seconds until the next message may start; 0 when it may start now."""
        self._refill(now)
        return 0.0 if self._level > 0 else (-self._level + 1e-9) / self._rate

    def take(self, parts: int, now: float) -> None:
        """Count a message that starts now."""
        self._refill(now)
        self._level -= parts

    def slow(self, now: float) -> None:
        """Halve the pace, because the provider throttled."""
        self._refill(now)
        self._rate = max(self._rate / 2, self._nominal * SLOWEST_SHARE)
        self._burst = _burst_of(self._rate)

    def set(self, parts_per_second: float) -> None:
        """Take over a pace that a member changed."""
        if parts_per_second != self._nominal:
            self._nominal = max(parts_per_second, 0.001)
            self._rate = self._nominal
            self._burst = _burst_of(self._rate)

    def _refill(self, now: float) -> None:
        passed = now - self._at
        if passed <= 0:
            # An event loop's time stands still while it works off what is ready: most messages see no step.
            return
        self._at = now
        if self._rate < self._nominal:
            self._rate = min(self._nominal, self._rate + passed * self._nominal * RECOVERY_SHARE)
            self._burst = _burst_of(self._rate)
        self._level = min(self._burst, self._level + passed * self._rate)


def size_of_group(messages_per_second: float, window: int) -> int:
    """Return how many claims are brought, and results written, at once; `window` is the number of calls in flight.

    A group costs a commit and some round trips, whatever its size, so that of a fast sender is large. What is
    claimed when a process dies stays in doubt for long: so that of a slow sender is small.
    """
    quick = int(messages_per_second * QUICKLY_SENT)
    return max(LEAST_WINDOWS * window, min(MOST_WINDOWS * window, quick))


def _burst_of(rate: float) -> float:
    return max(1.0, rate * BURST_SECONDS)


class Quota:
    """What a sender's daily limit leaves: the last count of its calls, and what was claimed since."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._counted = 0
        #: Monotonic moments of claims that the last count may not hold, and how many they were.
        self._claims: deque[tuple[float, int]] = deque()

    def set(self, allowance: int | None, *, counted: int, seen_at: float) -> None:
        """Take over the count number `counted`, asked for at `seen_at`; None: there is no limit."""
        if allowance is None:
            # Perhaps lifted a moment ago: nothing is counted any more.
            self._left = None
            self._claims.clear()
        elif counted != self._counted:
            self._counted, self._left = counted, allowance
            while self._claims and self._claims[0][0] < seen_at:
                self._claims.popleft()

    def take(self, messages: int, now: float) -> None:
        """Note a claim that is known at `now`; it was committed a little before."""
        if self._left is not None and messages:
            self._claims.append((now, messages))

    def left(self, most: int) -> int:
        """Return how many messages may be claimed, `most` at most."""
        if self._left is None:
            return most
        return max(0, min(most, self._left - sum(messages for _, messages in self._claims)))
