"""Whole weeks and months are counted, and a time that is too long from its end."""

from __future__ import annotations

from datetime import date

import pytest

from campaigns.reach.themes.theme_filters import MOST_COLUMNS, USUAL_COLUMNS, Unit, read_theme_filters

TODAY = date(2026, 3, 11)


def test_usual_months_end_with_this_one() -> None:
    filters = read_theme_filters({}, today=TODAY)
    assert (filters.unit, len(filters.starts)) == (Unit.MONTH, USUAL_COLUMNS)
    assert (filters.starts[0], filters.starts[-1], filters.last) == (
        date(2025, 10, 1),
        date(2026, 3, 1),
        date(2026, 3, 31),
    )


def test_weeks_begin_on_monday_whatever_days_are_chosen() -> None:
    given = {"unit": "week", "since": "2026-02-18", "until": "2026-03-05"}
    filters = read_theme_filters(given, today=TODAY)
    assert filters.starts == (date(2026, 2, 16), date(2026, 2, 23), date(2026, 3, 2))
    assert filters.last == date(2026, 3, 8)
    shifted = {"unit": "week", "since": "2026-02-20", "until": "2026-03-07"}
    assert read_theme_filters(shifted, today=TODAY) == filters


def test_long_time_is_counted_from_its_end() -> None:
    filters = read_theme_filters({"since": "2021-01-01"}, today=TODAY)
    assert (len(filters.starts), filters.starts[-1]) == (MOST_COLUMNS, date(2026, 3, 1))


@pytest.mark.parametrize("nonsense", ["", "soon", "0001-01-01", "9999-12-31", "2026-13-01"])
def test_nonsense_is_nothing_chosen(nonsense: str) -> None:
    given = {"since": nonsense, "until": nonsense, "unit": nonsense}
    assert read_theme_filters(given, today=TODAY) == read_theme_filters({}, today=TODAY)


def test_days_to_come_and_turned_around_are_one_column() -> None:
    filters = read_theme_filters({"since": "2026-03-05", "until": "2026-01-05"}, today=TODAY)
    assert filters.starts == (date(2026, 1, 1),)
    assert read_theme_filters({"until": "2031-01-01"}, today=TODAY).starts[-1] == date(2026, 3, 1)
