"""Repeatable chance: every draw depends on the seed and the message, never on arrival order or the clock."""

import math
from dataclasses import dataclass
from functools import cache
from random import Random


def dice(seed: str, to: str, intent: str, nth: int) -> Random:
    """Return the generator for the `nth` call about one person and intent; the same in every process."""
    return Random(f"{seed}:{to}:{intent}:{nth}")  # noqa: S311 - it must repeat  # nosec B311


@dataclass(frozen=True, slots=True)
class Spread:
    """A waiting time in seconds by its median and 99th percentile (log-normal)."""

    p50: float = 0.0
    p99: float = 0.0

    def draw(self, luck: Random) -> float:
        """Draw one waiting time in seconds."""
        if self.p50 <= 0 or self.p99 <= self.p50:
            return self.p50
        return luck.lognormvariate(*_shape(self.p50, self.p99))


@cache
def _shape(p50: float, p99: float) -> tuple[float, float]:
    """Return mean and deviation of the logarithm."""
    return math.log(p50), math.log(p99 / p50) / 2.3263


#: No waiting at all.
NO_WAIT = Spread()
