"""A caller makes one call, and its result says what the answer asks for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from campaigns.core import clock
from campaigns.delivery.engine.caller import Caller
from campaigns.delivery.engine.fence import Fence
from campaigns.delivery.engine.flow.breaker import FAULTS_IN_A_ROW
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import Claimed, Result, RunningRun, Snapshot
from campaigns.delivery.states import SendState
from campaigns.gateways.base import (
    Action,
    NotSentError,
    Outgoing,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.delivery.builders import TEXT
from tests.delivery.engine.in_memory import SENDER, a_claim
from tests.delivery.provider import MemoryProvider


class Call:
    """One call over a provider that answers as a test says, and everything it left behind."""

    def __init__(
        self,
        error: Exception | None = None,
        *,
        claimed: Claimed | None = None,
        snapshot: Snapshot | None = None,
        has_next: bool = False,
        is_rehearsal: bool = False,
        times: int = 1,
        callback_base: str | None = None,
    ) -> None:
        def behave(outgoing: Outgoing, nth: int) -> None:
            if error is not None:
                raise error

        self.provider = MemoryProvider(behave)
        self.claimed = claimed or a_claim()
        self.sender = replace(SENDER, is_rehearsal=is_rehearsal)
        self._snapshot = snapshot or Snapshot([RunningRun(1, 1, 10.0)])
        self._callback_base = callback_base
        self.results = asyncio.run(self._make(has_next, times))

    @property
    def result(self) -> Result:
        return self.results[-1]

    async def _make(self, has_next: bool, times: int) -> list[Result]:
        loop = asyncio.get_running_loop()
        fence = Fence(loop.time)
        fence.refresh(self._snapshot, asked_at=loop.time())
        self.runs = LaneRuns(is_rehearsal=self.sender.is_rehearsal)
        self.runs.keep([RunningRun(1, 1, 10.0, has_next=has_next)])
        self.flow = FlowControl(self.sender, loop)
        caller = Caller(
            self.sender,
            self.provider,
            fence=fence,
            flow=self.flow,
            runs=self.runs,
            callback_base=self._callback_base,
            chance=lambda: 0.5,
        )
        return [await caller.call(self.claimed) for _ in range(times)]


def test_accepted_message_is_complete() -> None:
    call = Call(callback_base="https://console.example.org/hooks?m=")
    (outgoing,) = call.provider.accepted
    assert (outgoing.to, outgoing.body, outgoing.sender) == (call.claimed.to, TEXT, SENDER.identity)
    assert outgoing.callback_url == "https://console.example.org/hooks?m=reference1"
    assert 3590 < outgoing.valid_for_seconds <= 3600
    assert (call.result.state, call.result.provider_id, call.result.outcome) == (SendState.ACCEPTED, "SM1", None)
    assert (call.result.id, call.result.token) == (call.claimed.id, call.claimed.token)


def test_provider_that_calls_nobody_back_gets_no_address() -> None:
    (outgoing,) = Call().provider.accepted
    assert outgoing.callback_url is None


@pytest.mark.parametrize(
    ("snapshot", "state"),
    [
        (Snapshot([]), SendState.QUEUED),
        (Snapshot([RunningRun(1, 1, 10.0)], {51: clock.now()}), SendState.SUPPRESSED),
    ],
)
def test_call_that_the_fence_refuses_costs_no_attempt(snapshot: Snapshot, state: SendState) -> None:
    call = Call(snapshot=snapshot)
    assert call.provider.accepted == []
    assert (call.result.state, call.result.refund, call.result.outcome) == (state, True, None)


@pytest.mark.parametrize(
    ("error", "state", "outcome", "is_refunded"),
    [
        (RejectedError("63049", Action.GIVE_UP), SendState.FAILED, "rejected", False),
        (UnknownOutcomeError("timeout"), SendState.UNKNOWN, "unknown", False),
        (ThrottledError("20429"), SendState.QUEUED, "throttled", False),
        (NotSentError("refused"), SendState.QUEUED, "not_sent", True),
    ],
)
def test_failure_ends_as_its_error_asks(
    error: SendError, state: SendState, outcome: str, is_refunded: bool
) -> None:
    result = Call(error).result
    assert (result.state, result.outcome, result.error) == (state, outcome, error.code)
    assert result.refund is is_refunded
    assert (result.due_at is not None) == (state is SendState.QUEUED)


def test_fault_of_ours_is_unknown_and_told(caplog: pytest.LogCaptureFixture) -> None:
    result = Call(ZeroDivisionError()).result
    assert (result.state, result.error) == (SendState.UNKNOWN, "internal")
    assert "the call for delivery 1 broke" in caplog.text


@pytest.mark.parametrize("has_next", [True, False])
def test_refused_person_falls_back_where_another_sender_comes_next(has_next: bool) -> None:
    result = Call(RejectedError("63003", Action.OTHER_CHANNEL), has_next=has_next).result
    assert (result.state, result.falls_back, result.run_id) == (SendState.FAILED, has_next, 1)


@pytest.mark.parametrize(("is_rehearsal", "action"), [(False, Action.OPT_OUT), (True, None)])
def test_sandbox_says_nothing_of_a_person(is_rehearsal: bool, action: Action | None) -> None:
    call = Call(RejectedError("21610", Action.OPT_OUT), is_rehearsal=is_rehearsal)
    assert call.result.action is action


def test_same_fault_again_pauses_the_run() -> None:
    call = Call(RejectedError("20003", Action.PAUSE_RUN), times=FAULTS_IN_A_ROW)
    assert list(call.runs.to_pause) == [1]
    assert "20003" in str(call.runs.to_pause[1])
