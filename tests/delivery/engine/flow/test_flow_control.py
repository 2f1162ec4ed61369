"""Flow control lets calls begin at the sender's pace, and none while the sender is held, blamed or stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from campaigns.delivery.engine.decisions import Wait
from campaigns.delivery.engine.flow.breaker import FAULTS_IN_A_ROW, TROUBLE_IN_A_ROW
from campaigns.delivery.engine.flow.flow_control import FlowControl
from campaigns.delivery.engine.ports import RunningRun
from campaigns.gateways.base import Action, NotSentError, RejectedError, ThrottledError
from campaigns.planning.models import Health
from tests.delivery.engine.in_memory import SENDER, StillLoop

BLAMED = RejectedError("20003", Action.PAUSE_SENDER)


@pytest.fixture
def loop() -> Iterator[StillLoop]:
    loop = StillLoop()
    yield loop
    loop.close()


@pytest.fixture
def flow(loop: StillLoop) -> FlowControl:
    return FlowControl(replace(SENDER, pace=10.0), loop)


def hold(flow: FlowControl) -> None:
    for _ in range(TROUBLE_IN_A_ROW):
        flow.begin(0, is_last=True)
        flow.failed(NotSentError("refused"))
        flow.end()


def test_calls_begin_at_the_pace(flow: FlowControl, loop: StillLoop) -> None:
    assert flow.wait() == 0
    flow.begin(3, is_last=True)
    assert flow.wait() == pytest.approx(0.2, abs=1e-6)
    loop.now = 0.21
    assert flow.wait() == 0


def test_asking_changes_nothing(flow: FlowControl, loop: StillLoop) -> None:
    flow.failed(ThrottledError("20429"))
    flow.begin(40, is_last=True)
    loop.now = 3.0
    asked_often = [(flow.wait(), flow.parts_per_second(), flow.leaves(9), flow.why_not()) for _ in range(3)]
    assert len(set(asked_often)) == 1


def test_held_sender_is_tried_by_one_call(flow: FlowControl, loop: StillLoop) -> None:
    hold(flow)
    wait = flow.wait()
    assert wait is not None
    assert wait > 0
    assert (flow.why_not(), flow.is_trying(), flow.is_calling()) == (Wait.SENDER_IS_HELD, True, False)
    loop.now += wait
    assert (flow.wait(), flow.why_not()) == (0, None)
    flow.begin(1, is_last=False)
    # Its reply decides.
    assert flow.wait() is None
    flow.succeeded()
    flow.end()
    assert (flow.is_trying(), flow.is_calling()) == (False, False)


def test_refused_probe_leaves_its_place_to_the_next(flow: FlowControl, loop: StillLoop) -> None:
    hold(flow)
    loop.now += flow.wait() or 0
    flow.begin(0, is_last=False)
    flow.abandoned()
    flow.end()
    assert flow.wait() == 0
    assert flow.is_trying()


def test_throttled_sender_is_slowed(flow: FlowControl) -> None:
    flow.failed(ThrottledError("20429", retry_after_seconds=60.0))
    assert flow.parts_per_second() == 5.0
    assert flow.is_held_for_long()


def test_blamed_sender_calls_nobody(flow: FlowControl) -> None:
    for _ in range(FAULTS_IN_A_ROW):
        flow.failed(BLAMED)
    assert (flow.wait(), flow.why_not()) == (None, Wait.SENDER_IS_PAUSED)
    assert flow.news([]) == (Health.PAUSED, "20003")
    flow.told(Health.PAUSED)
    assert flow.news([]) is None


def test_sandbox_blames_no_sender(loop: StillLoop) -> None:
    flow = FlowControl(replace(SENDER, is_rehearsal=True), loop)
    for _ in range(FAULTS_IN_A_ROW):
        flow.failed(BLAMED)
    assert flow.wait() == 0
    assert flow.news([]) is None


def test_daily_limit_counts_what_was_claimed_since(flow: FlowControl) -> None:
    assert flow.leaves(100) == 100
    flow.keep(RunningRun(1, 1, 10.0, allowance=3, counted=1), seen_at=0.0)
    flow.claimed(2)
    assert flow.leaves(100) == 1


def test_pace_of_a_member_is_taken_over(flow: FlowControl) -> None:
    flow.keep(RunningRun(1, 1, 40.0), seen_at=0.0)
    assert flow.parts_per_second() == 40.0


def test_stop_lets_every_caller_go() -> None:
    async def play() -> list[str]:
        flow, gone = FlowControl(SENDER, asyncio.get_running_loop()), list[str]()

        async def caller(name: str) -> None:
            await flow.park(None)
            gone.append(name)

        callers = [asyncio.create_task(caller(name)) for name in "abc"]
        await asyncio.sleep(0)
        flow.wake(1)
        await asyncio.sleep(0)
        assert gone == ["a"]
        flow.stop()
        await asyncio.gather(*callers)
        assert flow.why_not() is Wait.STOPPING
        return gone

    assert asyncio.run(play()) == ["a", "b", "c"]


def test_caller_that_goes_on_wakes_the_next() -> None:
    async def play() -> None:
        flow = FlowControl(SENDER, asyncio.get_running_loop())
        sleeper = asyncio.create_task(flow.park(None))
        await asyncio.sleep(0)
        flow.begin(1, is_last=True)
        await asyncio.sleep(0)
        assert not sleeper.done()
        flow.begin(1, is_last=False)
        await asyncio.wait_for(sleeper, 5)

    asyncio.run(play())
