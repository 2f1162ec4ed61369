"""Worlds by the number of their seed: whatever strikes, no promise is broken, nobody lost, nobody told twice."""

from __future__ import annotations

from tests.simulation.plan import draw_plan
from tests.simulation.world import World


def test_promises_hold_in_many_worlds() -> None:
    broken = {seed: outcome.broken for seed in range(30) if (outcome := World(draw_plan(seed)).live()).broken}
    assert broken == {}


def test_seed_decides_everything() -> None:
    first, second = (World(draw_plan(11)).live() for _ in range(2))
    assert first.trace == second.trace
