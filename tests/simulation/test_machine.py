"""Hypothesis looks for an order of acts that breaks a promise."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.database import Database, shared_database
from tests.simulation.machine import DeliveryMachine


def emptied() -> Database:
    database = shared_database()
    database.reset()
    return database


class OnSqlite(DeliveryMachine):
    make_database = staticmethod(emptied)


def run(machine: type[DeliveryMachine], *, examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_no_order_of_acts_breaks_a_promise() -> None:
    run(OnSqlite, examples=25, steps=30)


@pytest.mark.slow
def test_no_long_order_of_acts_breaks_a_promise() -> None:
    run(OnSqlite, examples=1000, steps=60)
