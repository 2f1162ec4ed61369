"""A release may cover calendar months and quarters in UTC, or a campaign from start to end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from campaigns.core.errors import InputError
from campaigns.core.words import N_

#: Receipts of the last messages come in for so long; a period is closed afterwards.
SETTLES_AFTER = timedelta(hours=72)
#: The period of a release about one campaign.
WHOLE_CAMPAIGN = "campaign"

_NAMES = re.compile(r"(?P<year>[0-9]{4})-(?:(?P<month>0[1-9]|1[0-2])|Q(?P<quarter>[1-4]))", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time in UTC, from `start` up to, and without, `end`."""

    #: "2026-03", "2026-Q1" or WHOLE_CAMPAIGN.
    name: str
    start: datetime
    end: datetime

    @property
    def closes_at(self) -> datetime:
        """When its figures are settled, so that they may be released."""
        return self.end + SETTLES_AFTER

    @property
    def years(self) -> range:
        """Every calendar year that it touches: each of their budgets pays for a release."""
        return range(self.start.year, (self.end - timedelta(microseconds=1)).year + 1)


def period_named(name: str) -> Period:
    """Return the month ("2026-03") or quarter ("2026-Q1") of that name. Raises InputError."""
    found = _NAMES.fullmatch(name)
    if found is None or not 2000 <= int(found["year"]) < 9999:
        raise InputError(
            N_("“%(name)s” is not a period. Write a month like 2026-03 or a quarter like 2026-Q1."), name=name[:40]
        )
    year = int(found["year"])
    if found["month"]:
        return _months(name, year, int(found["month"]), 1)
    return _months(name, year, 3 * int(found["quarter"]) - 2, 3)


def closed_periods(now: datetime, *, back_to: datetime) -> list[Period]:
    """Return the closed quarters and months since `back_to`, the newest first and a quarter before its months."""
    names = []
    for year in range(now.year, back_to.year - 1, -1):
        for quarter in (4, 3, 2, 1):
            names.append(f"{year}-Q{quarter}")
            names += [f"{year}-{month:02}" for month in range(3 * quarter, 3 * quarter - 3, -1)]
    periods = [period_named(name) for name in names]
    return [period for period in periods if period.closes_at <= now and period.end > back_to]


def _months(name: str, year: int, month: int, count: int) -> Period:
    after = month + count
    end = datetime(year + (after > 12), (after - 1) % 12 + 1, 1, tzinfo=UTC)
    return Period(name, datetime(year, month, 1, tzinfo=UTC), end)
