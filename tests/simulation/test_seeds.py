"""Worlds by the number of their seed: whatever strikes, no promise is broken, nobody lost, nobody told twice."""

from __future__ import annotations

import os

import pytest

from campaigns.delivery.engine.queue.store import DatabaseStore
from tests.simulation.mishaps import draw_world
from tests.simulation.tally import simulate, simulate_on
from tests.simulation.workers import WatchedStore
from tests.simulation.world import World


def test_promises_hold_in_many_worlds() -> None:
    tally = simulate(range(20))
    assert tally.broken == {}
    assert min(tally.counts["crashes"], tally.counts["pauses"]) > 0


@pytest.mark.slow
def test_promises_hold_in_thousands_of_worlds() -> None:
    tally = simulate_on(os.cpu_count() or 1, range(1000, 4000))
    assert tally.broken == {}
    assert tally.counts["doubles"] == tally.counts["lost"] == 0


def test_seed_decides_everything() -> None:
    first, second = (World(draw_world(11)).live() for _ in range(2))
    assert first.trace == second.trace


def test_remembered_claims_change_no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(20, 28)
    remembering = [World(draw_world(seed)).live().trace for seed in seeds]
    monkeypatch.setattr(WatchedStore, "exchange", DatabaseStore.exchange)
    assert [World(draw_world(seed)).live().trace for seed in seeds] == remembering
