"""Pure functions divide a firing into waves: each time zone has its time, quiet hours counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from campaigns.audience.rules import UNKNOWN_ZONE
from campaigns.core.wallclock import to_utc, wall_of
from campaigns.planning.models import ZonePolicy
from campaigns.planning.schedules.quiet_hours import first_allowed
from campaigns.planning.schedules.recurrence import Timing


@dataclass(frozen=True, slots=True)
class Wave:
    """People of one time zone who are written to at one instant."""

    #: IANA name; UNKNOWN_ZONE: not known, and `local` is by the clock of the schedule.
    time_zone: str
    due_at: datetime
    #: What the clock of the zone shows then, naive.
    local: datetime
    people: int
    #: It waits for the end of quiet hours.
    is_moved: bool


def waves_of(
    timing: Timing,
    occurrence: datetime,
    people: Mapping[tuple[str, str], int],
    *,
    keeps_quiet: bool,
    is_urgent: bool = False,
) -> list[Wave]:
    """Return the waves of an occurrence, soonest first; `people` are counted by zone and number's country.

    What is urgent waits for the quiet hours of countries alone.
    """
    found: defaultdict[tuple[datetime, str, bool], int] = defaultdict(int)
    for (zone, country), count in people.items():
        where = zone or timing.time_zone
        meant = to_utc(occurrence, timing.time_zone if timing.zone_policy == ZonePolicy.FIXED else where)
        how = {"is_zone_known": zone != UNKNOWN_ZONE, "is_urgent": is_urgent}
        due_at = first_allowed(meant, where, country, **how) if keeps_quiet else meant
        found[due_at, zone, due_at != meant] += count
    return [
        Wave(zone, due_at, wall_of(due_at, zone or timing.time_zone), count, is_moved)
        for (due_at, zone, is_moved), count in sorted(found.items())
    ]
