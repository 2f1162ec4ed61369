"""A clock that was set is not believed until it proves itself; sleep and drift are no steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.core import clock
from campaigns.core.processes.steady import (
    CLOCKS_APART,
    KEPT_SECONDS,
    LONG_SILENCE,
    SETTLED_SECONDS,
    ClockGuard,
    boot_seconds,
    is_kept_by_ntp,
)

NOON = datetime(2022, 3, 14, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Machine:
    """A machine whose clock a test sets, and whose kernel says what the test tells it."""

    def __init__(self) -> None:
        self.seconds, self.set_by, self.is_kept = 0.0, timedelta(0), False

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds) + self.set_by

    def guard(self, *, is_judged: bool = False, last_sign: datetime | None = None) -> ClockGuard:
        return ClockGuard(
            is_judged=is_judged, last_sign=last_sign, seconds=lambda: self.seconds, is_kept=lambda: self.is_kept
        )


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    with clock.running_on(machine.now):
        yield machine


@pytest.fixture
def guard(machine: Machine) -> ClockGuard:
    return machine.guard()


def test_even_clock_is_believed(machine: Machine, guard: ClockGuard) -> None:
    for _ in range(100):
        machine.seconds += 3600
        machine.set_by += timedelta(seconds=1)
        assert not guard.is_astray()


@pytest.mark.parametrize("step", [HOUR, -HOUR, 2 * DAY, -2 * DAY])
def test_step_is_seen_at_once(machine: Machine, guard: ClockGuard, step: timedelta) -> None:
    machine.set_by = step
    assert guard.is_astray()


def test_small_correction_is_none(machine: Machine, guard: ClockGuard) -> None:
    machine.set_by = timedelta(seconds=50)
    assert not guard.is_astray()


@pytest.mark.parametrize("step", [2 * DAY, -HOUR])
def test_step_that_is_undone_is_over(machine: Machine, guard: ClockGuard, step: timedelta) -> None:
    machine.set_by = step
    assert guard.is_astray()
    machine.seconds += 3600
    machine.set_by = timedelta(seconds=5)
    assert not guard.is_astray()


def test_clock_set_ahead_is_never_believed_by_itself(machine: Machine, guard: ClockGuard) -> None:
    machine.set_by = 2 * DAY
    for _ in range(200):
        assert guard.is_astray()
        machine.seconds += 3600
    assert not machine.guard().is_astray()


@pytest.mark.parametrize("step", [2 * DAY, -HOUR])
def test_clock_that_ntp_keeps_is_believed_soon(machine: Machine, guard: ClockGuard, step: timedelta) -> None:
    machine.set_by, machine.is_kept = step, True
    assert guard.is_astray()
    machine.seconds += KEPT_SECONDS - 1
    assert guard.is_astray()
    machine.seconds += 2
    assert not guard.is_astray()


def test_clock_set_back_is_believed_when_it_settles(machine: Machine, guard: ClockGuard) -> None:
    machine.set_by = -HOUR
    assert guard.is_astray()
    machine.seconds += SETTLED_SECONDS - 1
    assert guard.is_astray()
    machine.seconds += 2
    assert not guard.is_astray()
    machine.seconds += 1
    assert not guard.is_astray()


def test_clock_that_is_set_again_settles_again(machine: Machine, guard: ClockGuard) -> None:
    machine.set_by = -HOUR
    assert guard.is_astray()
    machine.seconds += SETTLED_SECONDS - 1
    machine.set_by = -2 * HOUR
    assert guard.is_astray()
    machine.seconds += 2
    assert guard.is_astray()


def test_clock_set_back_and_then_ahead_is_not_believed(machine: Machine, guard: ClockGuard) -> None:
    machine.set_by = -HOUR
    assert guard.is_astray()
    machine.set_by = DAY
    assert guard.is_astray()
    machine.seconds += 2 * SETTLED_SECONDS
    assert guard.is_astray()


def test_sign_of_life_ahead_says_that_the_clock_is_behind(machine: Machine) -> None:
    guard = machine.guard(last_sign=NOON + HOUR)
    assert guard.is_astray()
    machine.seconds += SETTLED_SECONDS
    assert not guard.is_astray()


@pytest.mark.parametrize(("is_kept", "is_astray"), [(True, False), (False, True)])
def test_long_silence_gives_ntp_time(machine: Machine, is_kept: bool, is_astray: bool) -> None:
    machine.is_kept = is_kept
    guard = machine.guard(last_sign=NOON - 2 * LONG_SILENCE)
    assert guard.is_astray() == is_astray
    machine.seconds += SETTLED_SECONDS
    assert not guard.is_astray()


def test_short_silence_is_none(machine: Machine) -> None:
    assert not machine.guard(last_sign=NOON - LONG_SILENCE / 2).is_astray()


def test_judged_clock_waits_for_its_judge(machine: Machine) -> None:
    guard = machine.guard(is_judged=True)
    assert guard.is_astray()
    guard.judge(timedelta(0))
    assert not guard.is_astray()
    machine.set_by = 2 * DAY
    assert guard.is_astray()
    guard.judge(2 * DAY)
    assert guard.is_astray()
    machine.set_by = timedelta(0)
    assert guard.is_astray()
    guard.judge(CLOCKS_APART)
    assert not guard.is_astray()


def test_judge_has_the_last_word(machine: Machine) -> None:
    """A clock that was wrong at first is set right: the step is what makes it agree."""
    guard = machine.guard(is_judged=True)
    guard.judge(2 * DAY)
    machine.set_by = 2 * DAY
    guard.judge(timedelta(0))
    assert not guard.is_astray()


def test_sleep_between_two_readings_is_no_step(machine: Machine) -> None:
    """The process is frozen for an hour after it read one clock, and before it reads the other."""
    freezes = iter([0, 3600])

    def now() -> datetime:
        seen = machine.now()
        machine.seconds += next(freezes, 0)
        return seen

    with clock.running_on(now):
        guard = machine.guard()
        assert not guard.is_astray()
        assert not guard.is_astray()


def test_real_machine_is_believed() -> None:
    assert not ClockGuard().is_astray()
    assert boot_seconds() > 0
    assert isinstance(is_kept_by_ntp(), bool)
