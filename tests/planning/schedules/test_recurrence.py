"""Wall-clock recurrence: every local occurrence once, clock changes by policy, impossible rules told in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.core.errors import ScheduleError
from campaigns.core.wallclock import to_utc
from campaigns.planning.models import ZonePolicy
from campaigns.planning.schedules.recurrence import (
    ClockChange,
    Timing,
    check_schedule,
    clock_change,
    next_firings,
    occurrences,
)

ZONES = (
    "Europe/Warsaw",
    "Europe/Kyiv",
    "Europe/Chisinau",
    "Asia/Beirut",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Nairobi",
    "Asia/Kathmandu",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Riyadh",
)
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def timing(
    starts_at: datetime = datetime(2026, 3, 2, 18, 0), recurrence: str | None = None, **changes: object
) -> Timing:
    values: dict[str, object] = {"zone_policy": ZonePolicy.FIXED, "time_zone": "Europe/Warsaw"}
    return Timing(starts_at, recurrence, **(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("hour", ["00:30", "01:30", "02:15", "03:30", "23:45"])
def test_each_local_day_fires_once(zone: str, hour: str) -> None:
    """Over two years each day's occurrence gives one instant, in order, whose local time is the one meant
    or, when that does not exist, the first moment after it."""
    start = datetime.fromisoformat(f"2026-01-01T{hour}")
    daily = timing(start, "FREQ=DAILY", time_zone=zone)
    firings = next_firings(daily, (), after=NEW_YEAR - timedelta(days=2), count=731)
    assert [firing.occurrence for firing in firings] == [start + timedelta(days=day) for day in range(731)]
    instants = [firing.fire_at for firing in firings]
    assert instants == sorted(set(instants))
    for firing in firings:
        shown = firing.fire_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if clock_change(firing.occurrence, zone) is ClockChange.GAP:
            assert timedelta(0) < shown - firing.occurrence <= timedelta(hours=1)
        else:
            assert shown == firing.occurrence


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        ("2026-03-29T02:30", "Europe/Warsaw", "2026-03-29T01:00+00:00"),
        ("2026-10-25T02:30", "Europe/Warsaw", "2026-10-25T00:30+00:00"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:30+00:00"),
        ("2011-12-30T10:00", "Pacific/Apia", "2011-12-30T10:00+00:00"),
        ("2026-04-24T00:00", "Africa/Cairo", "2026-04-23T22:00+00:00"),
        ("2026-03-29T00:10", "Asia/Beirut", "2026-03-28T22:00+00:00"),
        ("2026-06-01T12:00", "Asia/Kathmandu", "2026-06-01T06:15+00:00"),
    ],
)
def test_gap_and_fold_policy(wall: str, zone: str, expected: str) -> None:
    assert to_utc(datetime.fromisoformat(wall), zone) == datetime.fromisoformat(expected)


def test_recipient_schedule_fires_with_the_earliest_zone() -> None:
    evening = timing(zone_policy=ZonePolicy.RECIPIENT)
    (firing,) = next_firings(evening, ["Asia/Kathmandu", "Europe/Kyiv"], after=NEW_YEAR, count=5)
    assert firing.fire_at == to_utc(evening.starts_at, "Asia/Kathmandu")


def test_firings_after_a_moment_exclude_it() -> None:
    weekly = timing(recurrence="FREQ=WEEKLY;COUNT=4")
    first, second = next_firings(weekly, (), after=NEW_YEAR, count=2)
    assert next_firings(weekly, (), after=first.fire_at, count=1) == [second]
    assert next_firings(weekly, (), after=second.fire_at, count=9)[-1].occurrence == datetime(2026, 3, 23, 18, 0)


def test_until_is_the_end_of_a_local_day() -> None:
    found = list(occurrences(datetime(2026, 3, 2, 18, 0), "FREQ=DAILY;UNTIL=20260304"))
    assert [moment.day for moment in found] == [2, 3, 4]


def test_leap_day_keeps_its_date() -> None:
    leap = occurrences(datetime(2026, 1, 1, 9, 0), "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29")
    assert next(leap) == datetime(2028, 2, 29, 9, 0)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=SECONDLY", "once an hour at most"),
        ("FREQ=MINUTELY;INTERVAL=120", "once an hour at most"),
        ("FREQ=DAILY;BYHOUR=9;BYMINUTE=0,30", "once an hour at most"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "never comes"),
        ("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "never comes"),
        ("FREQ=WEEKLY;UNTIL=20200101", "never comes"),
        ("FREQ=DAILY;INTERVAL=0", "between 1 and"),
        ("FREQ=DAILY;COUNT=99999999999999", "between 1 and"),
        ("FREQ=DAILY;BYHOUR=24", "between 0 and 23"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "between -31 and 31"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-0", "between -31 and 31"),
        ("FREQ=DAILY;BYEASTER=1", "cannot recur by BYEASTER"),
        ("FREQ=HOURLY;BYSETPOS=2", "cannot recur by BYSETPOS"),
        ("FREQ=HOURLY;BYMINUTE=0;BYSETPOS=-2", "cannot recur by BYSETPOS"),
        ("FREQ=DAILY\nEXDATE:20260302", "cannot be read"),
        ("FREQ=DAILY;FREQ=WEEKLY", "cannot be read"),
        ("FREQ=WEEKLY;BYDAY=XX", "cannot be used"),
        ("FREQ=WEEKLY;UNTIL=20260401T180000Z", "not a local date"),
        ("every Monday", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_impossible_recurrence_is_told(rule: str, words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        check_schedule(timing(recurrence=rule), (), now=NEW_YEAR)


def test_past_start_names_the_local_time() -> None:
    now = datetime(2026, 3, 2, 17, 20, tzinfo=UTC)
    with pytest.raises(ScheduleError, match="in Europe/Warsaw it is now 2026-03-02 18:20"):
        check_schedule(timing(), (), now=now)


def test_start_past_in_one_recipient_zone_is_refused() -> None:
    now = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
    check_schedule(timing(), (), now=now)
    with pytest.raises(ScheduleError, match="Asia/Kathmandu"):
        check_schedule(timing(zone_policy=ZonePolicy.RECIPIENT), ["Asia/Kathmandu"], now=now)


@pytest.mark.parametrize("year", [1, 1969, 2100, 9999])
def test_absurd_years_are_refused(year: int) -> None:
    with pytest.raises(ScheduleError):
        check_schedule(timing(datetime(year, 12, 31, 23, 0)), (), now=NEW_YEAR)


@pytest.mark.parametrize("zone", ["", "Warsaw", "Europe", "../etc/passwd", "Europe/Warsaw\0", "/etc/localtime"])
def test_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ScheduleError, match="no time zone"):
        check_schedule(timing(time_zone=zone), (), now=NEW_YEAR)


def test_gaps_and_folds_are_noted() -> None:
    daily = timing(datetime(2026, 3, 2, 2, 30), "FREQ=DAILY;UNTIL=20261231")
    notes = check_schedule(daily, (), now=NEW_YEAR)
    assert [(note.change, note.occurrence.date().isoformat()) for note in notes] == [
        (ClockChange.GAP, "2026-03-29"),
        (ClockChange.FOLD, "2026-10-25"),
    ]


PIECES = [f"FREQ={name}" for name in ("DAILY", "HOURLY", "WEEKLY", "MONTHLY", "YEARLY")]
PIECES += ["INTERVAL=7", "INTERVAL=999", "COUNT=3", "UNTIL=20270101", "WKST=SU", "WKST=9", "BYMONTH=2"]
PIECES += [f"BYDAY={value}" for value in ("MO", "5FR", "-1SU,MO", "0MO", "99TU", "+")]
PIECES += ["BYMONTHDAY=31", "BYMONTHDAY=-31", "BYMONTHDAY=0", "BYHOUR=3,22", "BYHOUR=+5", "BYMINUTE=5"]
PIECES += [f"BYSETPOS={value}" for value in ("1", "-366", "0", "A")]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_any_rule_checks_or_says_why_not(pieces: list[str]) -> None:
    rule = timing(datetime(2026, 3, 2, 2, 30), ";".join(pieces))
    try:
        check_schedule(rule, (), now=NEW_YEAR)
    except ScheduleError:
        return
    assert next_firings(rule, (), after=NEW_YEAR, count=1)
