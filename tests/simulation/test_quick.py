"""The engine alone in thousands of worlds; and that such a world can fail, too."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.simulation import mutants
from tests.simulation.mutants import Patch
from tests.simulation.plan import Plan, draw_plan
from tests.simulation.quick import QuickWorld
from tests.simulation.tally import simulate, simulate_on
from tests.simulation.test_mutants import (
    WORLDS,
    asleep,
    cut_off,
    left,
    stopped,
    without_answers,
)

#: Each with the promises of which it breaks one first, and the worlds in which that happens soon.
CASES: dict[Patch, tuple[tuple[str, ...], Callable[[Plan], Plan]]] = {
    mutants.no_fence: (("D5", "D6"), stopped),
    mutants.fence_that_forgets_age: (("D1", "D5"), asleep),
    mutants.fence_that_forgets_stops: (("D6",), stopped),
    mutants.fence_that_forgets_withdrawals: (("D5",), left),
    mutants.fence_that_trusts_old_memory: (("D6",), cut_off),
    mutants.unknown_that_is_retried: (("D1", "D4"), without_answers),
}


def test_promises_hold_in_many_quick_worlds() -> None:
    tally = simulate(range(60), is_quick=True)
    assert tally.broken == {}
    assert min(tally.counts["crashes"], tally.counts["pauses"]) > 0


@pytest.mark.slow
def test_promises_hold_in_thousands_of_quick_worlds() -> None:
    tally = simulate_on(os.cpu_count() or 1, range(1000, 7000), is_quick=True)
    assert tally.broken == {}
    assert tally.counts["doubles"] == tally.counts["lost"] == 0


def test_seed_decides_everything() -> None:
    first, second = (QuickWorld(draw_plan(11)).live() for _ in range(2))
    assert first.trace == second.trace


@pytest.mark.parametrize("mutant", CASES, ids=lambda mutant: mutant.__name__)
def test_mutant_is_caught(mutant: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    promises, season = CASES[mutant]
    mutant(monkeypatch)
    outcomes = (QuickWorld(season(draw_plan(seed))).live() for seed in range(WORLDS))
    broken = next((outcome.broken for outcome in outcomes if outcome.broken), [""])
    assert broken[0].startswith(promises), broken
