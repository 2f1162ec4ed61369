"""A sender is held while its provider is in trouble, and tried by one call; a run that is wrong stops for good."""

from __future__ import annotations

import pytest

from campaigns.delivery.engine.flow.breaker import (
    FAULTS_IN_A_ROW,
    FIRST_HOLD,
    FIRST_RESULTS,
    LONGEST_HOLD,
    TROUBLE_IN_A_ROW,
    RunBreaker,
    SenderBreaker,
)
from campaigns.gateways.base import (
    Action,
    NotSentError,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)

REFUSED = NotSentError("refused")


def held_breaker() -> SenderBreaker:
    breaker = SenderBreaker()
    for _ in range(TROUBLE_IN_A_ROW):
        breaker.failed(REFUSED, 0.0)
    return breaker


def test_single_failures_hold_nothing() -> None:
    breaker = SenderBreaker()
    for _ in range(50):
        assert not breaker.failed(UnknownOutcomeError("timeout"), 0.0)
        breaker.succeeded()
    assert breaker.wait(0.0, 9) == 0.0


def test_trouble_in_a_row_holds_the_sender() -> None:
    assert held_breaker().wait(0.0, 0) == FIRST_HOLD


def test_only_one_call_tries_it_out() -> None:
    breaker = held_breaker()
    assert breaker.wait(FIRST_HOLD, 0) == 0.0
    breaker.begin()
    assert breaker.wait(FIRST_HOLD, 1) is None


def test_probe_that_succeeds_opens() -> None:
    breaker = held_breaker()
    breaker.begin()
    breaker.succeeded()
    assert breaker.is_closed()
    assert breaker.wait(FIRST_HOLD, 63) == 0.0


@pytest.mark.parametrize("answer", [None, RejectedError("1", Action.GIVE_UP), UnknownOutcomeError("timeout")])
def test_time_without_reaching_the_provider_begins_anew_once_it_is_reached(answer: SendError | None) -> None:
    breaker = SenderBreaker()
    for second in range(5):
        breaker.failed(REFUSED, float(second))
    assert breaker.unsent_for(4.0) == 4.0
    if answer is None:
        breaker.succeeded()
    else:
        breaker.failed(answer, 5.0)
    assert breaker.unsent_for(9.0) == 0.0
    breaker.failed(REFUSED, 10.0)
    assert breaker.unsent_for(12.0) == 2.0


def test_probes_become_rarer_up_to_a_limit() -> None:
    breaker, now, holds = held_breaker(), 0.0, []
    for _ in range(10):
        holds.append(breaker.wait(now, 0) or 0.0)
        now += holds[-1]
        breaker.begin()
        breaker.failed(REFUSED, now)
    assert holds == sorted(holds)
    assert holds[-1] == LONGEST_HOLD


def test_late_failures_of_the_same_burst_count_once() -> None:
    breaker = held_breaker()
    for _ in range(60):
        assert not breaker.failed(REFUSED, 0.5)
    assert breaker.wait(0.5, 0) == FIRST_HOLD - 0.5


def test_throttling_holds_as_long_as_asked() -> None:
    breaker = SenderBreaker()
    assert breaker.failed(ThrottledError("20429", retry_after_seconds=7.0), 0.0)
    assert breaker.wait(0.0, 0) == 7.0


def test_provider_that_asks_for_hours_is_tried_after_five_minutes() -> None:
    breaker = SenderBreaker()
    breaker.failed(ThrottledError("429", retry_after_seconds=21_600.0), 0.0)
    assert breaker.wait(0.0, 0) == 300.0
    assert breaker.wait(300.0, 0) == 0.0
    breaker.begin()
    assert breaker.wait(300.0, 1) is None


def test_refusals_prove_a_healthy_provider() -> None:
    breaker = SenderBreaker()
    for _ in range(100):
        breaker.failed(RejectedError("21614", Action.INVALIDATE_ADDRESS), 0.0)
    assert breaker.is_closed()


def test_same_fault_again_and_again_pauses() -> None:
    breaker, fault = RunBreaker(), RejectedError("21606", Action.PAUSE_RUN)
    reasons = [breaker.failed(fault) for _ in range(FAULTS_IN_A_ROW)]
    assert reasons[:-1] == [None] * (FAULTS_IN_A_ROW - 1)
    assert reasons[-1] is not None
    assert "21606" in str(reasons[-1])


def test_one_odd_recipient_pauses_nobody() -> None:
    breaker, fault = RunBreaker(), RejectedError("21408", Action.PAUSE_RUN)
    for _ in range(50):
        assert breaker.failed(fault) is None
        for _ in range(20):
            breaker.accepted()


@pytest.mark.parametrize(("before", "every", "pauses"), [(0, 4, True), (0, 8, False), (FIRST_RESULTS, 3, False)])
def test_first_results_are_judged_more_strictly(before: int, every: int, pauses: bool) -> None:
    breaker, refusal = RunBreaker(), RejectedError("21614", Action.INVALIDATE_ADDRESS)
    for _ in range(before):
        breaker.accepted()
    reasons = []
    for number in range(200):
        if number % every == 0:
            reasons.append(breaker.failed(refusal))
        else:
            breaker.accepted()
    assert any(reasons) is pauses


def test_unreachable_provider_pauses_no_run() -> None:
    breaker = RunBreaker()
    assert not any(breaker.failed(REFUSED) for _ in range(500))
