"""Periods are whole months and quarters in UTC, and close 72 hours after their end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from campaigns.core.errors import InputError
from campaigns.reach.releases.periods import Period, closed_periods, period_named


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026-03", (2026, 3, 1), (2026, 4, 1)),
        ("2026-12", (2026, 12, 1), (2027, 1, 1)),
        ("2026-Q1", (2026, 1, 1), (2026, 4, 1)),
        ("2026-Q4", (2026, 10, 1), (2027, 1, 1)),
    ],
)
def test_period_has_whole_months(name: str, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
    assert period_named(name) == Period(name, datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


@pytest.mark.parametrize(
    "name", ["", "2026", "2026-13", "2026-Q5", "2026-3", "0001-01", "9999-12", "٢٠٢٦-03", "x" * 999]
)
def test_anything_else_is_no_period(name: str) -> None:
    with pytest.raises(InputError, match="is not a period"):
        period_named(name)


def test_a_period_closes_after_three_days() -> None:
    back_to = datetime(2026, 1, 20, tzinfo=UTC)
    before, after = datetime(2026, 4, 3, 23, 59, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)
    assert [each.name for each in closed_periods(before, back_to=back_to)] == ["2026-02", "2026-01"]
    assert [each.name for each in closed_periods(after, back_to=back_to)] == [
        "2026-Q1",
        "2026-03",
        "2026-02",
        "2026-01",
    ]


def test_a_campaign_over_new_year_is_paid_for_in_both_years() -> None:
    over = Period("campaign", datetime(2026, 12, 30, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC))
    assert list(over.years) == [2026, 2027]
    assert list(period_named("2026-12").years) == [2026]
