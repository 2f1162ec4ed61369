"""Who sees which figures of the own organisation: exact totals for members, exact regions for stewards only."""

from __future__ import annotations

from collections.abc import Callable

Show = Callable[[int], int | None]

#: Counts below this are hidden, all others rounded to tens.
HIDDEN_BELOW = 20


def rounded(count: int) -> int | None:
    """Return a count rounded to tens, or None when it is too small to be shown."""
    return None if count < HIDDEN_BELOW else (count + 5) // 10 * 10


def exact(count: int) -> int | None:
    """Return a count as it is."""
    return count


def regional_figures(*, is_exact: bool) -> Show:
    """Return how counts of a region (or of a language) are shown to a member."""
    return exact if is_exact else rounded
