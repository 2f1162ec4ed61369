"""Hours are read only where they are stated without doubt, and tell when a line is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.directory.opening_hours import (
    ALWAYS,
    WEEKDAYS,
    check_hours,
    is_always_open,
    is_open,
    next_opening,
    read_hours,
    write_hours,
)

WARSAW = ZoneInfo("Europe/Warsaw")
OFFICE = {day: [["08:30", "16:30"]] for day in WEEKDAYS[:5]}
NIGHT = {"fri": [["22:00", "06:00"]]}


def warsaw(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment in the week of Monday 2 March 2026."""
    return datetime(2026, 3, day, hour, minute, tzinfo=WARSAW).astimezone(UTC)


@pytest.mark.parametrize("text", ["24/7", "24/7/365", "24h", " 24/7 "])
def test_round_the_clock_is_every_day(text: str) -> None:
    assert read_hours(text) == ALWAYS
    assert is_always_open(read_hours(text))


def test_spans_and_days_are_read() -> None:
    assert read_hours("Mon–Fri 08:30–16:30") == OFFICE
    assert read_hours("daily 08:00–23:00") == {day: [["08:00", "23:00"]] for day in WEEKDAYS}
    assert read_hours("Tue & Thu 16:00–20:00") == {"tue": [["16:00", "20:00"]], "thu": [["16:00", "20:00"]]}
    assert read_hours("Mon 10–16, Wed 12–20") == {"mon": [["10:00", "16:00"]], "wed": [["12:00", "20:00"]]}
    assert list(read_hours("Sat-Mon 9-12")) == ["sat", "sun", "mon"]


@pytest.mark.parametrize(
    "text",
    ["", "24/7 (known)", "24/7 (2019 page)", "Mon 10–16 (old page)", "varies", "Mon–Fri", "Mon 10–25", "Mon 9–9"],
)
def test_doubtful_hours_are_not_stated(text: str) -> None:
    assert read_hours(text) == {}
    assert is_open({}, "Europe/Warsaw", warsaw(2, 12)) is None


def test_line_is_open_within_its_span() -> None:
    assert is_open(OFFICE, "Europe/Warsaw", warsaw(2, 8, 30))
    assert not is_open(OFFICE, "Europe/Warsaw", warsaw(2, 16, 30))
    assert not is_open(OFFICE, "Europe/Warsaw", warsaw(7, 12))
    assert not is_open(OFFICE, "Europe/Kyiv", warsaw(2, 16))


def test_span_runs_past_midnight() -> None:
    assert is_open(NIGHT, "Europe/Warsaw", warsaw(6, 23))
    assert is_open(NIGHT, "Europe/Warsaw", warsaw(7, 5, 59))
    assert not is_open(NIGHT, "Europe/Warsaw", warsaw(7, 6))
    assert not is_open(NIGHT, "Europe/Warsaw", warsaw(6, 5))


def test_next_opening_skips_the_weekend() -> None:
    assert next_opening(OFFICE, "Europe/Warsaw", warsaw(6, 17)) == warsaw(9, 8, 30)
    assert next_opening(OFFICE, "Europe/Warsaw", warsaw(2, 8)) == warsaw(2, 8, 30)
    assert next_opening(NIGHT, "Europe/Warsaw", warsaw(6, 22)) == warsaw(13, 22)
    assert next_opening({}, "Europe/Warsaw", warsaw(2, 8)) is None


def test_opening_in_a_gap_is_the_moment_after_it() -> None:
    """In Warsaw 02:00 becomes 03:00 on 29 March, and 03:00 becomes 02:00 on 25 October 2026."""
    sundays = {"sun": [["02:30", "05:00"]]}
    at = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert next_opening(sundays, "Europe/Warsaw", at) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    lost = {"sun": [["02:10", "02:50"]]}
    assert next_opening(lost, "Europe/Warsaw", at) == datetime(2026, 4, 5, 0, 10, tzinfo=UTC)


def test_opening_in_a_fold_comes_twice() -> None:
    lost = {"sun": [["02:10", "02:50"]]}
    first, second = datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    for before, opening in ((first - timedelta(minutes=1), first), (first, second)):
        found = next_opening(lost, "Europe/Warsaw", before)
        # A time that comes twice equals no time of another zone.
        assert found is not None
        assert found.astimezone(UTC) == opening


def test_round_the_clock_holds_in_every_zone() -> None:
    for zone in ("Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu"):
        assert all(is_open(ALWAYS, zone, warsaw(2, hour)) for hour in range(24))


def test_wrong_hours_are_told_by_day() -> None:
    wrong = {"mon": [["8", "9"]], "tue": [["08:00", "24:01"]], "someday": [], "wed": [["00:00", "24:00"]]}
    assert check_hours(wrong) == ["mon", "tue", "someday"]


def test_equal_days_are_written_together() -> None:
    assert write_hours(OFFICE | {"sun": [["08:30", "16:30"]]}) == "Mon–Fri & Sun 08:30–16:30"
    assert write_hours(ALWAYS) == "24/7"
    assert write_hours({}) == ""


clocks = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda clock: f"{clock[0]:02}:{clock[1]:02}")
spans = st.tuples(clocks, clocks).filter(lambda span: span[0] != span[1]).map(list)
weeks = st.dictionaries(
    st.sampled_from(WEEKDAYS), st.lists(spans, min_size=1, max_size=2, unique_by=tuple), min_size=1
)


@given(weeks, st.integers(0, 7 * 24 * 60))
def test_line_is_open_when_it_opens(hours: dict[str, list[list[str]]], minutes: int) -> None:
    at = warsaw(2, 0) + timedelta(minutes=minutes)
    opening = next_opening(hours, "Europe/Warsaw", at)
    assert opening is not None
    assert at < opening <= at + timedelta(days=8)
    assert is_open(hours, "Europe/Warsaw", opening)


@given(weeks)
def test_written_hours_read_the_same(hours: dict[str, list[list[str]]]) -> None:
    again = read_hours(write_hours(hours))
    assert {day: sorted(spans) for day, spans in again.items()} == {
        day: sorted(spans) for day, spans in hours.items()
    }
