"""What is asked for next: no more than the pace lets go in time, and nothing while calling is not allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from campaigns.delivery.engine.ask_planner import AskPlanner
from campaigns.delivery.engine.fence import FRESH_SECONDS, Fence
from campaigns.delivery.engine.flow.breaker import FAULTS_IN_A_ROW
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.flow.pacing import CLAIM_AHEAD_SECONDS
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import Ask, Found, RunningRun, Snapshot
from campaigns.gateways.base import Action, RejectedError, ThrottledError
from tests.delivery.engine.in_memory import SENDER, StillLoop, a_claim

WINDOW = 4


class Desk:
    """An ask planner for one run, with what it looks at."""

    def __init__(self, loop: StillLoop, *, pace: float = 1000.0) -> None:
        self.loop, self.sender = loop, replace(SENDER, pace=pace)
        self.flow, self.runs, self.fence = (
            FlowControl(self.sender, loop),
            LaneRuns(is_rehearsal=False),
            Fence(loop.time),
        )
        self.fence.refresh(Snapshot([RunningRun(1, 1, pace)]), asked_at=0.0)
        self.asks = AskPlanner(self.sender.line, self.flow, self.runs, fence=self.fence, window=WINDOW)
        self.asks.keep([RunningRun(1, 1, pace)])
        self.asks.measure()

    def limit(self, waiting: int = 0) -> int | None:
        ask = self.asks.next(waiting)
        return None if ask is None else ask.limit


@pytest.fixture
def loop() -> Iterator[StillLoop]:
    loop = StillLoop()
    yield loop
    loop.close()


def test_group_is_asked_for_until_two_wait(loop: StillLoop) -> None:
    desk = Desk(loop)
    low = desk.asks.sizes.low
    assert (desk.limit(0), desk.limit(low), desk.limit(2 * low - 1)) == (low, low, 1)
    assert desk.limit(2 * low) is None


def test_slow_sender_claims_no_more_than_it_sends_in_time(loop: StillLoop) -> None:
    desk = Desk(loop, pace=1.0)
    assert desk.limit() == CLAIM_AHEAD_SECONDS


def test_long_texts_count_for_their_parts(loop: StillLoop) -> None:
    desk = Desk(loop, pace=2.0)
    ask = desk.asks.next(0)
    assert ask is not None
    desk.asks.learn(ask, Found([a_claim(parts=5)], last_id=1, taken=1), took=0.001)
    desk.asks.measure()
    assert desk.asks.sizes.low == 2


def test_sizes_stay_until_they_are_measured(loop: StillLoop) -> None:
    desk = Desk(loop, pace=2.0)
    before = desk.asks.sizes
    desk.flow.keep(RunningRun(1, 1, 500.0), seen_at=0.0)
    desk.asks.next(0)
    assert desk.asks.sizes == before
    desk.asks.measure()
    assert desk.asks.sizes != before


def test_nothing_is_asked_for_by_old_memory(loop: StillLoop) -> None:
    desk = Desk(loop)
    loop.now = FRESH_SECONDS + 0.1
    assert desk.limit() is None


def test_nothing_is_asked_for_while_a_run_is_to_be_paused(loop: StillLoop) -> None:
    desk = Desk(loop)
    for _ in range(FAULTS_IN_A_ROW):
        desk.runs.failed(1, RejectedError("21606", Action.PAUSE_RUN), falls_back=False)
    assert desk.limit() is None
    desk.runs.paused(1)
    assert desk.limit() is not None


def test_daily_limit_leaves_what_it_leaves(loop: StillLoop) -> None:
    desk = Desk(loop)
    desk.flow.keep(RunningRun(1, 1, 1000.0, allowance=3, counted=1), seen_at=0.0)
    assert desk.limit() == 3
    desk.flow.claimed(3)
    assert desk.limit() is None


def test_held_sender_is_tried_by_one_claim_at_a_time(loop: StillLoop) -> None:
    desk = Desk(loop)
    desk.flow.failed(ThrottledError("20429"))
    assert desk.limit() is None
    loop.now = 1.5
    desk.fence.refresh(Snapshot([RunningRun(1, 1, 1000.0)]), asked_at=loop.now)
    probe = desk.asks.next(0)
    assert probe == Ask(desk.sender.line, 1, 0, 1, is_probe=True)
    assert desk.limit(1) is None
    desk.flow.begin(1, is_last=True)
    assert desk.limit() is None


def test_borrowed_pace_is_paid_back_before_more_is_claimed(loop: StillLoop) -> None:
    desk = Desk(loop, pace=2.0)
    desk.flow.begin(100, is_last=True)
    assert desk.limit() is None
