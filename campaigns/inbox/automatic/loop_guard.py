"""How often a machine of ours writes to one person: two machines that answer each other fall silent soon; pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

#: Most automatic answers to one person within each time.
MOST = ((timedelta(hours=1), 3), (timedelta(days=1), 10))
#: The longest time that is looked back.
LOOKED_BACK = max(within for within, _ in MOST)
#: Nobody is answered twice within it, unless they answer what we asked.
APART = timedelta(seconds=30)


def is_exhausted(written: Collection[datetime], *, now: datetime) -> bool:
    """Say whether somebody got so many automatic answers, at these moments, that a machine may be writing."""
    return any(sum(at > now - within for at in written) >= most for within, most in MOST)


def is_too_soon(written: Collection[datetime], *, now: datetime) -> bool:
    """Say whether the last automatic answer left just now: what was asked since need not be answered again."""
    return any(at > now - APART for at in written)
