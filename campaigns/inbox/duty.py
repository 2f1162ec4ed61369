"""Pure functions count how long something has waited, in the hours in which somebody of the team answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class DutyHours:
    """The same hours every day, on the clock of one zone."""

    #: Hours of the day, 0 to 24; when the second is not after the first, they go on until the next day.
    begin: int
    end: int
    #: IANA name.
    time_zone: str

    def between(self, since: datetime, until: datetime) -> timedelta:
        """Return how much of the time between two moments (aware) lies in duty hours."""
        zone = ZoneInfo(self.time_zone)
        # The hours that began the day before may still run.
        day, last = since.astimezone(zone).date() - timedelta(days=1), until.astimezone(zone).date()
        total = timedelta()
        while day <= last:
            begins, ends = self._on(day, zone)
            total += max(min(ends, until) - max(begins, since), timedelta())
            day += timedelta(days=1)
        return total

    def _on(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        midnight = datetime.combine(day, time())
        length = self.end - self.begin if self.end > self.begin else self.end - self.begin + 24
        begins = midnight + timedelta(hours=self.begin)
        return _moment(begins, zone), _moment(begins + timedelta(hours=length), zone)


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
