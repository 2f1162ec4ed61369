"""Pure functions count time in the hours in which somebody of the team answers, on the organisation's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: Days from one look for a period to the end of it: a week has every weekday.
_WEEK = 7
MINUTES_OF_DAY = 24 * 60

#: Two moments (UTC) between which somebody is on duty.
Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Weekly:
    """Hours that come again every week."""

    #: 0 is Monday.
    days: frozenset[int]
    #: Minutes of the day, 0 to 1440; when the second is not after the first, they go on until the next day.
    begin: int
    end: int

    def on(self, day: date, zone: ZoneInfo) -> Period | None:
        """Return the period that begins on a day, as the clocks of the zone show it then."""
        if day.weekday() not in self.days:
            return None
        length = self.end - self.begin if self.end > self.begin else self.end - self.begin + MINUTES_OF_DAY
        begins = datetime.combine(day, time()) + timedelta(minutes=self.begin)
        return _moment(begins, zone), _moment(begins + timedelta(minutes=length), zone)


@dataclass(frozen=True, slots=True)
class DutyHours:
    """The hours of a week on the clock of one zone."""

    hours: tuple[Weekly, ...]
    #: IANA name.
    time_zone: str

    @classmethod
    def daily(cls, begin: int, end: int, time_zone: str) -> DutyHours:
        """Return the same hours (0 to 24) every day; twice the same is round the clock."""
        return cls((Weekly(frozenset(range(_WEEK)), begin * 60, end * 60),), time_zone)

    def between(self, since: datetime, until: datetime) -> timedelta:
        """Return how much of the time between two moments (aware) lies in duty hours."""
        total = timedelta()
        for begins, ends in self.periods(since):
            if begins >= until:
                break
            total += max(min(ends, until) - max(begins, since), timedelta())
        return total

    def after(self, since: datetime, amount: timedelta) -> datetime | None:
        """Return when so much time of duty has passed, with none when the next begins; None: there is no duty."""
        left = amount
        for begins, ends in self.periods(since):
            usable = ends - max(begins, since)
            if usable >= left:
                return max(begins, since) + left
            left -= usable
        return None

    def end_of_next_day(self, since: datetime) -> datetime | None:
        """Return when the duty ends that begins last on the next day with any; None: there is no duty."""
        zone = ZoneInfo(self.time_zone)
        today = since.astimezone(zone).date()
        for days in range(1, _WEEK + 1):
            ends = [ends for _begins, ends in self._on(today + timedelta(days=days), zone)]
            if ends:
                return max(ends)
        return None

    def gaps(self, since: datetime, until: datetime) -> list[Period]:
        """Return when nobody is on duty between two moments (aware)."""
        found, free_from = [], since
        for begins, ends in self.periods(since):
            if begins >= until:
                break
            if begins > free_from:
                found.append((free_from, begins))
            free_from = max(free_from, ends)
        return [*found, (free_from, until)] if free_from < until else found

    def single(self, since: datetime, until: datetime) -> Iterator[Period]:
        """Yield each period, as it stands in the roster, that has any part between two moments (aware)."""
        for begins, ends in self._all(since):
            if begins >= until:
                return
            if ends > since:
                yield begins, ends

    def periods(self, since: datetime) -> Iterator[Period]:
        """Yield without end, in their order, the periods that end after a moment; those that meet are one."""
        found = ((max(begins, since), ends) for begins, ends in self._all(since) if ends > since)
        current = next(found, None)
        if current is None:
            return
        for begins, ends in found:
            if begins > current[1]:
                yield current
                current = begins, ends
            elif ends - current[0] > timedelta(days=_WEEK):
                # Round the clock: told in weeks, or it would never be told.
                yield current
                current = current[1], max(ends, current[1])
            else:
                current = current[0], max(ends, current[1])

    def _all(self, since: datetime) -> Iterator[Period]:
        if not any(each.days for each in self.hours):
            return
        zone = ZoneInfo(self.time_zone)
        # The hours that began the day before may still run.
        day = since.astimezone(zone).date() - timedelta(days=1)
        while True:
            yield from sorted(self._on(day, zone))
            day += timedelta(days=1)

    def _on(self, day: date, zone: ZoneInfo) -> Iterable[Period]:
        return filter(None, (each.on(day, zone) for each in self.hours))


def _moment(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)
