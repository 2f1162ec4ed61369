"""Only what provably was not accepted is tried again, not too often, not too late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.delivery.engine.retry import LONGEST_PAUSE, counted_from, decide, pause_after
from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.states import SendState, may_move
from campaigns.gateways.base import (
    Action,
    NotSentError,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ERRORS = st.one_of(
    st.builds(NotSentError, st.just("refused")),
    st.builds(ThrottledError, st.just("20429"), retry_after_seconds=st.none() | st.floats(0, 600)),
    st.builds(RejectedError, st.just("1"), st.sampled_from(Action)),
    st.builds(UnknownOutcomeError, st.just("timeout")),
)
CHANCE = st.floats(0, 1, exclude_max=True)


@given(ERRORS, st.integers(1, 12), st.integers(1, 100_000), CHANCE)
def test_decision_keeps_the_promises(error: SendError, attempts: int, left: int, chance: float) -> None:
    expires_at = NOW + timedelta(seconds=left)
    decision = decide(error, attempts=attempts, now=NOW, expires_at=expires_at, chance=chance)
    assert may_move(SendState.SENDING, decision.state)
    assert (decision.due_at is not None) == (decision.state is SendState.QUEUED)
    if decision.state is SendState.QUEUED:
        assert attempts < MOST_ATTEMPTS or isinstance(error, NotSentError)
        assert decision.due_at is not None
        assert NOW < decision.due_at <= expires_at
    if isinstance(error, UnknownOutcomeError):
        assert decision.state is SendState.UNKNOWN


@given(st.integers(1, 100), st.floats(0, 100_000), CHANCE)
def test_what_never_left_us_costs_no_attempt(attempts: int, unsent_for: float, chance: float) -> None:
    error, expires_at = NotSentError("refused"), NOW + timedelta(days=1)
    given: dict[str, Any] = {"attempts": attempts, "now": NOW, "expires_at": expires_at, "chance": chance}
    decision = decide(error, **given, unsent_for=unsent_for)
    assert (decision.state, decision.refund, decision.error) == (SendState.QUEUED, True, "refused")
    assert decision.due_at is not None
    pause = (decision.due_at - NOW).total_seconds()
    assert 1.5 <= pause <= 37.5
    # As long again as it has lasted so far, within a quarter.
    assert pause >= 0.75 * min(unsent_for, 30.0) - 1e-6


@pytest.mark.parametrize("error", [ThrottledError("20429"), RejectedError("1", Action.RETRY_LATER)])
def test_every_answer_costs_an_attempt_and_the_sixth_is_the_last(error: SendError) -> None:
    given: dict[str, Any] = {"now": NOW, "expires_at": NOW + timedelta(days=1), "chance": 0.5}
    fifth, sixth = (decide(error, attempts=attempts, **given) for attempts in (5, 6))
    assert (fifth.state, fifth.refund) == (SendState.QUEUED, False)
    assert sixth.state is SendState.FAILED


def test_provider_decides_how_long() -> None:
    error = ThrottledError("20429", retry_after_seconds=500.0)
    decision = decide(error, attempts=1, now=NOW, expires_at=NOW + timedelta(days=1), chance=0.5)
    assert decision.due_at == NOW + timedelta(seconds=500)


@pytest.mark.parametrize(
    "action", [Action.INVALIDATE_ADDRESS, Action.OPT_OUT, Action.OTHER_CHANNEL, Action.GIVE_UP]
)
def test_refusal_for_good_fails(action: Action) -> None:
    decision = decide(
        RejectedError("1", action), attempts=1, now=NOW, expires_at=NOW + timedelta(days=1), chance=0.5
    )
    assert (decision.state, decision.action) == (SendState.FAILED, action)


def test_ambiguous_refusal_is_unknown() -> None:
    error = RejectedError("20500", Action.RECONCILE)
    decision = decide(error, attempts=1, now=NOW, expires_at=NOW + timedelta(days=1), chance=0.5)
    assert decision.state is SendState.UNKNOWN


@given(CHANCE)
def test_pauses_grow_up_to_a_longest(chance: float) -> None:
    pauses = [pause_after(attempts, chance) for attempts in range(1, 20)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= LONGEST_PAUSE * 1.25


@pytest.mark.parametrize(
    "set_by", [timedelta(days=2), timedelta(hours=1), -timedelta(hours=1), -timedelta(days=2)]
)
def test_clock_that_was_set_during_a_call_puts_nothing_off(set_by: timedelta) -> None:
    now = counted_from(NOW + set_by, intent_at=NOW)
    decision = decide(NotSentError("refused"), attempts=1, now=now, expires_at=NOW + timedelta(days=1), chance=0.5)
    assert decision.due_at == NOW + timedelta(seconds=pause_after(1, 0.5))


def test_pause_is_counted_from_the_end_of_a_call() -> None:
    assert counted_from(NOW + timedelta(seconds=15), intent_at=NOW) == NOW + timedelta(seconds=15)
