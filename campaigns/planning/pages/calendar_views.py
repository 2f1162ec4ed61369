"""The calendar's staff page shows what is sent when, by the clock of one zone, as a month or a week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from babel import Locale
from flask import Blueprint, render_template, request
from flask_babel import get_locale
from werkzeug.wrappers import Response

from campaigns.core import clock
from campaigns.core.errors import ScheduleError
from campaigns.core.wallclock import wall_of, zone_named
from campaigns.core.words import N_
from campaigns.planning.forms import ZONES
from campaigns.planning.schedules.calendar import Entry, load_agenda
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.error_words import said
from campaigns.web.session import session

pages = Blueprint("calendar", __name__, url_prefix="/calendar")

Page = str | Response | tuple[str, int]
WEEK = timedelta(days=7)
#: Months further away hold nothing: a start is at most ten years ahead.
FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True)
class Sheet:
    """Whole weeks, in the order in which the reader's language has the days of a week."""

    #: First day of the month or week that is meant; a month begins and ends within its first and last week.
    first: date
    is_week: bool
    weeks: tuple[tuple[date, ...], ...]

    def holds(self, day: date) -> bool:
        """Say whether a day is of the month or week that is meant."""
        return self.is_week or (day.year, day.month) == (self.first.year, self.first.month)

    @property
    def before(self) -> date:
        """A day of the month or week before."""
        return self.first - (WEEK if self.is_week else timedelta(days=1))

    @property
    def after(self) -> date:
        """A day of the month or week after."""
        return self.first + (WEEK if self.is_week else timedelta(days=31))


@pages.get("")
@requires(Permission.READ_PLANS)
def index() -> Page:
    """Show a month, or a week, of an organisation's campaigns."""
    organisation, error = current_organisation(), ""
    zone, today = organisation.time_zone, wall_of(clock.now(), organisation.time_zone).date()
    is_week, day = request.args.get("view") == "week", today
    try:
        zone = zone_named(request.args.get("zone") or zone).key
        day = _day(request.args.get("day", ""), today)
    except ScheduleError as wrong:
        error = said(wrong)
    sheet = make_sheet(day, is_week=is_week, first_weekday=(get_locale() or Locale("en")).first_week_day)
    values = {"sheet": sheet, "agenda": _agenda(sheet, zone), "zone": zone, "zones": ZONES, "today": today}
    values |= {"first_year": FIRST_YEAR, "last_year": LAST_YEAR}
    page = render_template("planning/schedules/calendar.html", **values, is_week=is_week, day=day, error=error)
    return page, 422 if error else 200


def make_sheet(day: date, *, is_week: bool, first_weekday: int) -> Sheet:
    """Return the sheet that holds `day`; `first_weekday` counts from Monday, 0."""
    first = day if is_week else day.replace(day=1)
    start = first - timedelta(days=(first.weekday() - first_weekday) % 7)
    end = start if is_week else (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    count = (end - start).days // 7 + 1
    weeks = tuple(
        tuple(start + WEEK * week + timedelta(days=number) for number in range(7)) for week in range(count)
    )
    return Sheet(start if is_week else first, is_week, weeks)


def _agenda(sheet: Sheet, zone: str) -> dict[date, list[Entry]]:
    first, days = sheet.weeks[0][0], len(sheet.weeks) * 7
    return load_agenda(session(), current_organisation().id, first=first, days=days, zone=zone, now=clock.now())


def _day(text: str, today: date) -> date:
    """Read a day, or a month for its first one. Raises ScheduleError for what is neither."""
    if not text:
        return today
    for pattern in ("%Y-%m-%d", "%Y-%m"):
        try:
            day = datetime.strptime(text, pattern).date()
        except ValueError:
            continue
        if FIRST_YEAR <= day.year <= LAST_YEAR:
            return day
    raise ScheduleError(N_("“%(text)s” is no day or month that the calendar has."), text=text[:20])
