"""Hypothesis looks for an order of acts that breaks a promise."""

from __future__ import annotations

import pytest

from tests.simulation.hunt import hunt


def test_no_order_of_acts_breaks_a_promise() -> None:
    assert hunt(examples=20, steps=30)["examples"] >= 20


@pytest.mark.slow
def test_no_long_order_of_acts_breaks_a_promise() -> None:
    assert hunt(examples=1500, steps=60)["examples"] >= 1500
