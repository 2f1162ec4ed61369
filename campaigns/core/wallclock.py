"""This tells what a clock in a zone shows, and the instant at which it shows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaigns.core.errors import ScheduleError
from campaigns.core.words import N_


@lru_cache(maxsize=600)
def zone_named(name: str) -> ZoneInfo:
    """Return the IANA zone `name`. Raises ScheduleError when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(
            N_("There is no time zone “%(name)s”; choose one like Europe/Warsaw."), name=name
        ) from None


def to_utc(wall: datetime, zone: str) -> datetime:
    """Return the instant at which the clock of `zone` shows `wall`: in a gap the first moment after it,
    in a fold the first of the two."""
    first = wall.replace(tzinfo=zone_named(zone), fold=0)
    moment = first.astimezone(UTC)
    return _end_of_gap(first) if wall_of(moment, zone) != wall else moment


def wall_of(moment: datetime, zone: str) -> datetime:
    """Return what the clock of `zone` shows at the aware `moment`, naive."""
    return moment.astimezone(zone_named(zone)).replace(tzinfo=None, fold=0)


def _end_of_gap(missing: datetime) -> datetime:
    """Return the instant the clocks were put forward over the local time `missing` (aware, fold 0).

    Read with the offset after the change (fold 1) it is an instant before the change, with the offset before
    it (fold 0) one after; between the two the first second with the new offset is searched by halving.
    """
    low, high = missing.replace(fold=1).astimezone(UTC), missing.astimezone(UTC)
    before = low.astimezone(missing.tzinfo).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(missing.tzinfo).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
