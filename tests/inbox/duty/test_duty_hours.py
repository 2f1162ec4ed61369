"""Waiting is counted in the hours in which somebody answers, on the organisation's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.inbox.duty.duty_hours import DutyHours

DAY = DutyHours.daily(8, 20, "UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "hours"),
    [
        ("2026-03-02T09:00", "2026-03-02T13:00", 4),
        ("2026-03-02T19:00", "2026-03-03T09:00", 2),
        ("2026-03-02T21:00", "2026-03-03T07:00", 0),
        ("2026-03-02T21:00", "2026-03-04T21:00", 24),
        ("2026-03-02T13:00", "2026-03-02T09:00", 0),
    ],
)
def test_nights_do_not_count(since: str, until: str, hours: int) -> None:
    assert DAY.between(at(since), at(until)) == timedelta(hours=hours)


def test_night_shift_counts_over_midnight() -> None:
    night = DutyHours.daily(20, 8, "UTC")
    assert night.between(at("2026-03-02T19:00"), at("2026-03-03T09:00")) == timedelta(hours=12)
    assert night.between(at("2026-03-03T01:00"), at("2026-03-03T02:00")) == timedelta(hours=1)


def test_clock_is_the_organisations() -> None:
    kyiv = DutyHours.daily(8, 20, "Europe/Kyiv")
    assert kyiv.between(at("2026-01-05T04:00"), at("2026-01-05T07:00")) == timedelta(hours=1)
    # The night in which summer time begins: 8:00 is at 5:00 UTC by then.
    assert kyiv.between(at("2026-03-28T18:00"), at("2026-03-29T06:00")) == timedelta(hours=1)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


@given(moments, st.floats(0, 200), st.integers(0, 23), st.integers(0, 24))
def test_round_the_clock_is_all_and_parts_add_up(since: datetime, hours: float, begin: int, end: int) -> None:
    until = since + timedelta(hours=hours)
    assert DutyHours.daily(begin, begin, "UTC").between(since, until) == until - since
    some = DutyHours.daily(begin, end, "UTC")
    middle = since + (until - since) / 2
    assert some.between(since, until) == some.between(since, middle) + some.between(middle, until)
