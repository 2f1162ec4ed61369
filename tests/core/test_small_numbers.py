"""What is told of numbers of people never tells more than the rounded ones do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.sentences import People
from campaigns.core.small_numbers import STEADY, beside, in_order, is_told, rounded, share, size, steady, told

COUNTS = st.integers(0, 2_000_000)
#: Two counts of which the same is shown.
ALIKE = st.tuples(COUNTS, COUNTS).filter(lambda pair: rounded(pair[0]) == rounded(pair[1])) | st.tuples(
    st.integers(0, 19), st.integers(0, 19)
)


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, None), (1, None), (19, None), (20, 20), (24, 20), (25, 30), (99, 100), (104, 100), (105, 110)],
)
def test_counts_are_rounded_and_small_ones_hidden(count: int, shown: int | None) -> None:
    assert rounded(count) == shown
    assert is_told(count) is (shown is not None)


def test_words_say_the_same() -> None:
    assert [str(People.of(count)) for count in (0, 7, 19, 20, 1234)] == [*["fewer than 20"] * 3, "20", "1230"]


@given(ALIKE, ALIKE)
def test_whatever_is_worked_out_is_worked_out_from_what_is_shown(
    parts: tuple[int, int], wholes: tuple[int, int]
) -> None:
    assert share(parts[0], wholes[0]) == share(parts[1], wholes[1])
    assert size(parts[0]) == size(parts[1])
    orders = [list(in_order({"b": part, "a": whole})) for part, whole in zip(parts, wholes, strict=True)]
    assert orders[0] == orders[1]
    named = [list(told({"b": part, "a": whole})) for part, whole in zip(parts, wholes, strict=True)]
    assert named[0] == named[1]


@given(COUNTS, COUNTS)
def test_a_share_is_one_of_a_told_whole(part: int, whole: int) -> None:
    found = share(part, whole)
    assert (found is not None) is (is_told(part) and is_told(whole))
    assert found is None or 0 < found <= 1


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_shown_count_stands_for_a_minute(naive: datetime) -> None:
    now = naive.replace(tzinfo=UTC)
    since = steady(now)
    assert since <= now < since + STEADY
    assert steady(since) == since
    assert steady(since + STEADY - timedelta(microseconds=1)) == since
    assert steady(since + STEADY) == since + STEADY


@given(COUNTS, st.integers(0, 19), st.integers(0, 19))
def test_whoever_compares_two_counts_learns_of_no_few_that_tell_them_apart(
    count: int, few: int, other: int
) -> None:
    assert rounded(beside(count + few, [count])) == rounded(beside(count + other, [count])) == rounded(count)


def test_a_count_that_many_tell_apart_stands_for_itself() -> None:
    assert beside(120, [100, 0, 140]) == 120
    assert beside(119, [100, 110]) == 110
