"""The pace of a sender: a token bucket in parts per second that slows when the provider says so; pure."""

from __future__ import annotations

#: What may be sent at once after a pause, in seconds of the full pace.
BURST_SECONDS = 0.1
#: Each time the provider throttles, the pace is halved, down to this share of the configured one.
SLOWEST_SHARE = 1 / 64
#: Share of the configured pace that is regained per second without throttling.
RECOVERY_SHARE = 0.02


class Pace:
    """Counts parts against time. All moments are monotonic seconds given by the caller.

    A message may start when the level is above zero and then takes all its parts, so a long text borrows from
    the future instead of waiting for a bucket that is too small for it.
    """

    def __init__(self, parts_per_second: float, now: float) -> None:
        self._nominal = max(parts_per_second, 0.001)
        self._rate = self._nominal
        self._level = self._burst()
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

    def set(self, parts_per_second: float) -> None:
        """Take over a pace that a member changed."""
        if parts_per_second != self._nominal:
            self._nominal = max(parts_per_second, 0.001)
            self._rate = self._nominal

    def _refill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._at = now
        if self._rate < self._nominal:
            self._rate = min(self._nominal, self._rate + passed * self._nominal * RECOVERY_SHARE)
        self._level = min(self._burst(), self._level + passed * self._rate)

    def _burst(self) -> float:
        return max(1.0, self._rate * BURST_SECONDS)
