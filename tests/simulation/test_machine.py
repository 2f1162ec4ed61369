"""Hypothesis looks for an order of acts that breaks a promise."""

from __future__ import annotations

from collections import Counter

import pytest

from campaigns.gateways.base import Action
from tests.simulation.hunt import hunt, machine_for


def test_no_order_of_acts_breaks_a_promise() -> None:
    assert hunt(examples=20, steps=30)["examples"] >= 20


def test_receipt_that_waits_for_the_end_of_its_call_is_merged() -> None:
    """Its reply is lost with the process, and it comes after the message would have expired."""
    machine = machine_for(Counter())()
    machine.plan(resend_unknown=False, ladder=False, lasts=100.0, begun=[True])
    machine.wait(500.0)
    machine.receive(which=0, word=("failed", "63003", Action.OTHER_CHANNEL), times=1)
    machine.teardown()


@pytest.mark.slow
def test_no_long_order_of_acts_breaks_a_promise() -> None:
    assert hunt(examples=1500, steps=60)["examples"] >= 1500
