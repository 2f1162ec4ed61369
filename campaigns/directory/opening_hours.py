"""Opening hours by weekday are read from a source's wording, and say whether a line is open or when it opens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from campaigns.core.wallclock import to_utc, wall_of

#: Keys of weekly hours, Monday first.
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

#: {"mon": [["08:30", "16:30"]], …} in local time; a span that ends at or before its start runs past midnight.
WeeklyHours = Mapping[str, Sequence[Sequence[str]]]

ALWAYS: dict[str, list[list[str]]] = {day: [["00:00", "24:00"]] for day in WEEKDAYS}

_ALWAYS_WORDS = frozenset({"24/7", "24/7/365", "24h", "24 h"})
_DAY = "|".join(WEEKDAYS)
_SPAN = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*[-–]\s*(\d{1,2})(?::(\d{2}))?")
_CLAUSE = re.compile(
    rf"(?P<days>daily|(?:{_DAY})(?:\s*(?:[-–]|&)\s*(?:{_DAY}))*)\s+(?P<span>{_SPAN.pattern})", re.IGNORECASE
)


def read_hours(text: str) -> dict[str, list[list[str]]]:
    """Return the weekly hours that `text` states without doubt, else {}.

    Understands "24/7", "daily 08:00–23:00", "Mon–Fri 08:30–16:30", "Tue & Thu 16:00–20:00" and lists of these
    with commas. A remark in brackets ("old page", "known") is a doubt: such hours count as not stated.
    """
    wording = text.strip().casefold()
    if wording in _ALWAYS_WORDS:
        return {day: [list(span) for span in spans] for day, spans in ALWAYS.items()}
    hours: dict[str, list[list[str]]] = {}
    for clause in wording.split(","):
        match = _CLAUSE.fullmatch(clause.strip())
        span = _read_span(match["span"]) if match else None
        if match is None or span is None:
            return {}
        for day in _read_days(match["days"]):
            hours.setdefault(day, []).append(list(span))
    return hours


def write_hours(hours: WeeklyHours) -> str:
    """Return weekly hours in the wording that `read_hours` understands, equal days together."""
    if is_always_open(hours):
        return "24/7"
    days_of: dict[tuple[str, ...], list[int]] = {}
    for number, day in enumerate(WEEKDAYS):
        for span in hours.get(day, ()):
            days_of.setdefault(tuple(span), []).append(number)
    return ", ".join(f"{_write_days(days)} {start}–{end}" for (start, end), days in days_of.items())


def is_always_open(hours: WeeklyHours) -> bool:
    """Say whether the hours are round the clock on every day."""
    return all([list(span) for span in hours.get(day, ())] == ALWAYS[day] for day in WEEKDAYS)


def is_open(hours: WeeklyHours, zone: str, at: datetime) -> bool | None:
    """Say whether a line with these hours in `zone` is open at the aware moment `at`; None when not stated."""
    if not hours:
        return None
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    yesterday = local.date() - timedelta(days=1)
    return any(start <= local < end for day in (yesterday, local.date()) for start, end in _spans_on(hours, day))


def next_opening(hours: WeeklyHours, zone: str, at: datetime) -> datetime | None:
    """Return the first opening after the aware moment `at`, in `zone`; None when no hours are stated.

    An opening in the gap of a change of clocks is the first moment after the gap; one in a fold comes twice.
    """
    place, today = ZoneInfo(zone), wall_of(at, zone).date()
    for ahead in range(9):
        starts = [start for start, _ in _spans_on(hours, today + timedelta(days=ahead))]
        moments = [moment for start in starts for moment in _moments_of(start, zone)]
        # A span may lie wholly in a gap: then it does not open on that day.
        later = [moment for moment in moments if moment > at and is_open(hours, zone, moment)]
        if later:
            return min(later).astimezone(place)
    return None


def _moments_of(start: datetime, zone: str) -> tuple[datetime, datetime]:
    """Return the instants at which a wall-clock time comes: two in a fold, else the same one twice."""
    first = to_utc(start, zone)
    second = start.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)
    return first, second if wall_of(second, zone) == start else first


def read_days(text: str) -> list[str]:
    """Return the weekdays that "Mon–Wed & Fri" or "daily" names, in their order; [] when it names none."""
    if not re.fullmatch(rf"daily|(?:{_DAY})(?:\s*(?:[-–]|&)\s*(?:{_DAY}))*", text.strip().casefold()):
        return []
    named = _read_days(text.strip().casefold())
    return [day for day in WEEKDAYS if day in named]


def write_days(days: Sequence[str]) -> str:
    """Return weekdays in the wording that `read_days` understands."""
    return _write_days(sorted({WEEKDAYS.index(day) for day in days}))


def check_hours(hours: WeeklyHours) -> list[str]:
    """Return the weekdays whose spans are not two times of day each, "00:00" to "24:00"."""
    return [day for day, spans in hours.items() if day not in WEEKDAYS or not all(map(_is_span, spans))]


def _spans_on(hours: WeeklyHours, day: date) -> list[tuple[datetime, datetime]]:
    """Return the wall-clock spans that begin on `day`."""
    spans = []
    for start, end in hours.get(WEEKDAYS[day.weekday()], ()):
        opening, closing = _moment(day, start), _moment(day, end)
        spans.append((opening, closing if closing > opening else closing + timedelta(days=1)))
    return spans


def _moment(day: date, clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime.combine(day, time()) + timedelta(hours=hour, minutes=minute)


def _read_days(text: str) -> list[str]:
    if text == "daily":
        return list(WEEKDAYS)
    days: list[str] = []
    for piece in text.split("&"):
        first, *last = (WEEKDAYS.index(day.strip()) for day in re.split("[-–]", piece))
        end = last[0] if last else first
        days += [WEEKDAYS[(first + step) % 7] for step in range((end - first) % 7 + 1)]
    return days


def _write_days(days: list[int]) -> str:
    if len(days) == len(WEEKDAYS):
        return "daily"
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    names = [[WEEKDAYS[day].capitalize() for day in run] for run in runs]
    return " & ".join(run[0] if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in names)


def _read_span(text: str) -> tuple[str, str] | None:
    match = _SPAN.fullmatch(text)
    if match is None:
        return None
    start, end = f"{int(match[1]):02}:{match[2] or '00'}", f"{int(match[3]):02}:{match[4] or '00'}"
    return (start, end) if _is_span((start, end)) else None


def _is_span(span: Sequence[str]) -> bool:
    if len(span) != 2 or not all(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", clock) for clock in span):
        return False
    return span[0] != "24:00" and span[0] != span[1]
