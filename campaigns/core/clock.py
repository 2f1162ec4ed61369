"""All time comes from here: it is aware UTC, and can be replaced as a whole for simulations and tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

#: The system's clock; without a function of ours around it, because every message asks it several times.
_source: Callable[[], datetime] = partial(datetime.now, UTC)


def now() -> datetime:
    """Return the present moment as aware UTC."""
    return _source()


def day_of(moment: datetime) -> datetime:
    """Return the beginning of a moment's day in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of a moment's hour."""
    return moment.replace(minute=0, second=0, microsecond=0)


@contextmanager
def running_on(source: Callable[[], datetime]) -> Iterator[None]:
    """Take time from `source` (returns aware UTC) inside the block, for every thread of the process."""
    global _source
    before = _source
    _source = source
    try:
        yield
    finally:
        _source = before
