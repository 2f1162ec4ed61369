"""Pure rules pace a sender: a bucket of parts per second, which slows when told to, and a daily limit."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

#: What may be sent at once after a pause, in seconds of the full pace.
BURST_SECONDS = 0.1
#: Each time the provider throttles, the pace is halved, down to this share of the configured one.
SLOWEST_SHARE = 1 / 64
#: Share of the configured pace that is regained per second without throttling.
RECOVERY_SHARE = 0.02
#: Claims reach at most so far ahead of the pace, in seconds: an intent must not grow old while it waits its turn.
CLAIM_AHEAD_SECONDS = 5.0
#: What a group of claims holds at least and at most, in windows; and above the least, seconds of the pace.
LEAST_WINDOWS, MOST_WINDOWS, QUICKLY_SENT = 2, 8, 0.25


class Pace:
    """Counts parts against time. All moments are monotonic seconds given by the caller.

    A message may start when the level is above zero and then takes all its parts, so a long text borrows from
    the future instead of waiting for a bucket that is too small for it.
    """

    def __init__(self, parts_per_second: float, now: float) -> None:
        self._nominal = max(parts_per_second, 0.001)
        #: Pace and level as they were at a moment.
        self._rate, self._level, self._at = self._nominal, _burst_of(self._nominal), now

    def rate_at(self, now: float) -> float:
        """Return the parts per second that are allowed at a moment."""
        if self._rate >= self._nominal:
            return self._nominal
        regained = max(0.0, now - self._at) * self._nominal * RECOVERY_SHARE
        return min(self._nominal, self._rate + regained)

    def wait(self, now: float) -> float:
        """Return the seconds until the next message may start; 0 when it may start now."""
        rate = self.rate_at(now)
        level = self._level_at(now, rate)
        return 0.0 if level > 0 else (-level + 1e-9) / rate

    def take(self, parts: int, now: float) -> None:
        """Count a message that starts now."""
        self._refill(now)
        self._level -= parts

    def slow(self, now: float) -> None:
        """Halve the pace, because the provider throttled."""
        self._refill(now)
        self._rate = max(self._rate / 2, self._nominal * SLOWEST_SHARE)

    def set(self, parts_per_second: float) -> None:
        """Take over a pace that a member changed."""
        if parts_per_second != self._nominal:
            self._rate = self._nominal = max(parts_per_second, 0.001)

    def _refill(self, now: float) -> None:
        if now > self._at:
            rate = self.rate_at(now)
            self._level = self._level_at(now, rate)
            self._rate, self._at = rate, now

    def _level_at(self, now: float, rate: float) -> float:
        if now <= self._at:
            # An event loop's time stands still while it works off what is ready: most messages see no step.
            return self._level
        gained = (now - self._at) * rate
        if rate > self._rate:
            # It was slower at first, and regained its pace evenly.
            gained -= (rate - self._rate) ** 2 / (2 * self._nominal * RECOVERY_SHARE)
        return min(_burst_of(rate), self._level + gained)


class GroupSizes(NamedTuple):
    """How many claims are brought at once."""

    #: What makes a group: as many results are written at once.
    group: int
    #: How many are asked for: a group, or what the pace lets go in time. When only that number is left, as many
    #: more are asked for, so that callers stay busy however slow the disk is.
    low: int


def sizes_of_groups(messages_per_second: float, window: int) -> GroupSizes:
    """Return how many claims are brought and asked for at this pace; `window` is the number of calls in flight."""
    group = size_of_group(messages_per_second, window)
    return GroupSizes(group, max(1, min(group, int(messages_per_second * CLAIM_AHEAD_SECONDS))))


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
