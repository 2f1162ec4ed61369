"""The address of the page of themes says over what time, in which language and country is counted; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

#: Columns that a table has at most, and where nobody chose a first day.
MOST_COLUMNS, USUAL_COLUMNS = 12, 6


class Unit(StrEnum):
    """What a column of the table covers, in UTC; weeks begin on Monday."""

    MONTH = "month"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class ThemeFilters:
    """What was chosen, as it was read; nonsense is nothing chosen."""

    unit: Unit
    #: First day of each column, in order, and the day after the last one. Nobody can shift them by single days,
    #: so that two tables never differ by those who wrote on one day.
    starts: tuple[date, ...]
    end: date
    #: BCP 47 code of what they write, and country (alpha-2) where they were; '' for any.
    language: str
    country: str

    @property
    def last(self) -> date:
        """The last day that is counted."""
        return self.end - timedelta(days=1)


def read_theme_filters(fields: Mapping[str, str], *, today: date) -> ThemeFilters:
    """Read what is chosen; too long a time is counted from its end."""
    unit = Unit.WEEK if fields.get("unit") == Unit.WEEK else Unit.MONTH
    last = min(_day(fields.get("until", "")) or today, today)
    wanted = _day(fields.get("since", ""))
    column, starts = _begin(last, unit), list[date]()
    while len(starts) < (USUAL_COLUMNS if wanted is None else MOST_COLUMNS):
        starts.insert(0, column)
        if wanted is not None and column <= wanted:
            break
        column = _begin(column - timedelta(days=1), unit)
    end = _after(starts[-1], unit)
    return ThemeFilters(
        unit, tuple(starts), end, fields.get("language", "").strip()[:10], fields.get("country", "").strip()[:2]
    )


def _begin(day: date, unit: Unit) -> date:
    return day.replace(day=1) if unit is Unit.MONTH else day - timedelta(days=day.weekday())


def _after(start: date, unit: Unit) -> date:
    return start + timedelta(days=7) if unit is Unit.WEEK else _begin(start + timedelta(days=31), Unit.MONTH)


def _day(text: str) -> date | None:
    """Return a day; years at whose ends no week or month is whole are none."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 2000 <= day.year <= 9998 else None
