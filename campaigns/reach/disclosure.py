"""Who sees which figures of the own organisation: exact totals for members, exact regions for stewards only."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.audience.queries import rounded

#: Turns a count into what may be shown of it; None: too small to be told.
Show = Callable[[int], int | None]


def exact(count: int) -> int | None:
    """Return a count as it is."""
    return count


def regional_figures(*, is_exact: bool) -> Show:
    """Return how counts of a region (or of a language) are shown to a member."""
    return exact if is_exact else rounded
