"""Pure functions round numbers of people to tens, and hide those below twenty, for whoever is no data manager.

Zero is hidden too: that nobody is at a place of somebody's choice, or that somebody is, tells of single people
as soon as the place is small enough. Whatever else is shown of such numbers (shares, sums, bars, prices, the end
of a run) is worked out from what is shown here, so that nothing tells more than it does. What is shown of a run
that moves is counted once for each of `steady`'s moments: a number that changes then tells of all that
happened within one, not of whose message it was just now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

Key = TypeVar("Key")

#: Below this many people no number is told.
SMALLEST_SHOWN = 20
ROUNDED_TO = 10
#: What is shown of a run that moves stands for so long.
STEADY = timedelta(minutes=1)


def rounded(count: int) -> int | None:
    """Return a count as it may be seen: None when it is too small to tell, else to the nearest ten."""
    return None if count < SMALLEST_SHOWN else (count + ROUNDED_TO // 2) // ROUNDED_TO * ROUNDED_TO


def most_behind(seen: int) -> int:
    """Return the greatest count of which no more than `seen` is shown; `seen` counts in tens."""
    ten = seen // ROUNDED_TO * ROUNDED_TO
    return SMALLEST_SHOWN - 1 if ten < SMALLEST_SHOWN else ten + (ROUNDED_TO - 1) // 2


def beside(count: int, others: Iterable[int]) -> int:
    """Return the count that stands for `count` where `others` are shown too, whose people may be among its own.

    Where fewer than `SMALLEST_SHOWN` people tell it apart from one of them, that one stands for it: else whoever
    compares the two learns, when a ten is crossed, that these few are there.
    """
    return max((other for other in others if abs(count - other) < SMALLEST_SHOWN), default=count)


def size(count: int) -> int:
    """Return a count for orders, most first, that tell no more than what is shown of it."""
    return rounded(count) or 0


def is_told(count: int) -> bool:
    """Say whether anything may be told of `count` people."""
    return count >= SMALLEST_SHOWN


def share(part: int, whole: int) -> float | None:
    """Return a part of a whole (0–1) as far as what is shown of both tells it; None: it does not."""
    shown, of = rounded(part), rounded(whole)
    return None if shown is None or of is None else min(shown / of, 1.0)


def in_order(counts: Mapping[Key, int]) -> dict[Key, int]:
    """Return counts in an order that tells nothing: most first as far as they are shown, then by their keys."""
    return dict(sorted(counts.items(), key=lambda pair: (-size(pair[1]), str(pair[0]))))


def told(counts: Mapping[Key, int]) -> dict[Key, int]:
    """Return the parts of a whole that may be named, in their order.

    A part of few people is not named at all: that it is there would tell it from a part of nobody.
    """
    return {key: count for key, count in in_order(counts).items() if is_told(count)}


def steady(now: datetime) -> datetime:
    """Return the moment since which what is shown of a moving run stands still; the same in every process."""
    return datetime.fromtimestamp(now.timestamp() // STEADY.total_seconds() * STEADY.total_seconds(), UTC)
