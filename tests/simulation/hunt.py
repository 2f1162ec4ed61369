"""Hypothesis's hunts for an order of acts that breaks a promise, and what they cost in figures."""

from __future__ import annotations

import logging
from collections import Counter

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.database import Database, shared_database
from tests.simulation.machine import DeliveryMachine


def machine_for(counted: Counter[str]) -> type[DeliveryMachine]:
    """Return the machine on the database of this process, emptied for each example; it counts into `counted`."""

    class Hunted(DeliveryMachine):
        figures = counted
        make_database = staticmethod(_emptied)

    return Hunted


def hunt(*, examples: int, steps: int, first: int = 0) -> Counter[str]:
    """Try so many examples of so many steps at most; return the figures. Raises what the machine found."""
    counted: Counter[str] = Counter()
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    log = logging.getLogger("campaigns")
    level = log.level
    # What the reaper warns of is what is played here.
    log.setLevel(logging.CRITICAL)
    try:
        run_state_machine_as_test(seed(first)(machine_for(counted)), settings=chosen)
    finally:
        log.setLevel(level)
    return counted


def _emptied() -> Database:
    database = shared_database()
    database.reset()
    return database
