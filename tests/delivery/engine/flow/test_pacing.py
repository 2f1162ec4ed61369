"""The pace holds over any stretch of time, whatever the sizes of the messages and the moments of asking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.delivery.engine.flow.pacing import BURST_SECONDS, Pace, size_of_group

RATES = st.floats(0.1, 10_000)
MESSAGES = st.lists(st.tuples(st.integers(1, 10), st.floats(0, 2)), min_size=1, max_size=60)


@given(RATES, MESSAGES)
def test_never_more_than_the_rate_allows(rate: float, messages: list[tuple[int, float]]) -> None:
    pace, now, sent = Pace(rate, 0.0), 0.0, 0
    for parts, idle in messages:
        now += idle
        now += pace.wait(now)
        assert sent <= rate * now + max(1.0, rate * BURST_SECONDS) + 1e-6
        pace.take(parts, now)
        sent += parts


@given(RATES, st.integers(1, 10))
def test_waiting_as_told_is_enough(rate: float, parts: int) -> None:
    pace = Pace(rate, 0.0)
    for _ in range(5):
        pace.take(parts, 0.0)
    later = pace.wait(0.0)
    assert pace.wait(later + 1e-6) == 0.0


@given(RATES)
def test_throttling_halves_and_recovers(rate: float) -> None:
    pace = Pace(rate, 0.0)
    pace.slow(0.0)
    assert pace.rate_at(0.0) == rate / 2
    assert pace.rate_at(3600.0) == rate


def test_throttling_ends_at_a_slowest_pace() -> None:
    pace = Pace(64.0, 0.0)
    for _ in range(50):
        pace.slow(0.0)
    assert pace.rate_at(0.0) == 1.0


def test_changed_pace_holds_at_once() -> None:
    pace = Pace(10.0, 0.0)
    pace.set(20.0)
    assert pace.rate_at(0.0) == 20.0


@given(rate=st.floats(0.01, 1e7), window=st.integers(1, 256))
def test_group_is_a_moment_of_work_or_two_windows(rate: float, window: int) -> None:
    size = size_of_group(rate, window)
    assert 2 * window <= size <= 8 * window
    assert size == 2 * window or size <= rate / 4


def test_only_a_fast_sender_has_large_groups() -> None:
    assert [size_of_group(rate, 64) for rate in (1, 100, 500, 1_000, 10_000)] == [128, 128, 128, 250, 512]


@pytest.mark.parametrize("moments", [[], [1.0, 2.0], [0.01 * step for step in range(1, 399)]])
def test_slowed_pace_gains_the_same_however_often_it_is_counted(moments: list[float]) -> None:
    pace = Pace(10.0, 0.0)
    for _ in range(6):
        pace.slow(0.0)
    pace.take(30, 0.0)
    for moment in moments:
        pace.take(0, moment)
    # A sixty-fourth of ten a second at first, and a fifth more with each second.
    gained = 4.0 * 10 / 64 + 0.2 * 4.0**2 / 2
    assert pace.wait(4.0) == pytest.approx((29 - gained) / (10 / 64 + 0.2 * 4.0))
    assert pace.rate_at(4.0) == pytest.approx(10 / 64 + 0.2 * 4.0)
