"""The fence opens only on fresh memory, for a running run, an address that may be written to, a young intent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaigns.core import clock
from campaigns.delivery.engine.fence import FRESH_SECONDS, Fence, FenceRefusedError, Refusal
from campaigns.delivery.engine.ports import Claimed, RunningRun, Snapshot
from campaigns.delivery.lanes.call_limits import INTENT_LIFE

CLAIMED = Claimed(
    id=1,
    run_id=1,
    address_id=7,
    reference="r",
    token="t",
    attempts=1,
    intent_at=clock.now(),
    expires_at=clock.now() + timedelta(hours=1),
    to="+1",
    body="x",
    parts=1,
)
RUNNING = [RunningRun(1, 1, 10.0)]


class Now:
    """A monotonic clock that a test moves."""

    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def fence_of(snapshot: Snapshot, age: float = 0.0) -> Fence:
    now = Now()
    fence = Fence(now)
    fence.refresh(snapshot, asked_at=now.seconds - age)
    return fence


def refusal_of(fence: Fence, claimed: Claimed) -> Refusal | None:
    try:
        fence.check(claimed)
    except FenceRefusedError as refused:
        return refused.refusal
    return None


def claimed(**changes: object) -> Claimed:
    return replace(CLAIMED, **{"intent_at": clock.now(), **changes})  # type: ignore[arg-type]


def test_fresh_fence_is_open() -> None:
    assert refusal_of(fence_of(Snapshot(RUNNING)), claimed()) is None


def test_fence_that_saw_nothing_is_closed() -> None:
    assert refusal_of(Fence(Now()), claimed()) is Refusal.BLIND


def test_old_memory_closes_the_fence() -> None:
    assert refusal_of(fence_of(Snapshot(RUNNING), age=FRESH_SECONDS + 0.01), claimed()) is Refusal.BLIND


@pytest.mark.parametrize(("age", "refusal"), [(1.9, None), (2.1, Refusal.BLIND), (19.0, Refusal.BLIND)])
def test_fence_trusts_nothing_older_than_two_seconds(age: float, refusal: Refusal | None) -> None:
    """Written down again, because the promise is about the seconds and not about our name for them."""
    assert refusal_of(fence_of(Snapshot(RUNNING), age=age), claimed()) is refusal


def test_stopped_run_closes_the_fence() -> None:
    assert refusal_of(fence_of(Snapshot()), claimed()) is Refusal.NOT_RUNNING


def test_withdrawn_address_closes_the_fence() -> None:
    assert refusal_of(fence_of(Snapshot(RUNNING, {7: clock.now()})), claimed()) is Refusal.WITHDRAWN


@pytest.mark.parametrize("age", [INTENT_LIFE, timedelta(hours=1), timedelta(hours=-1)])
def test_intent_of_another_time_closes_the_fence(age: timedelta) -> None:
    late = claimed(intent_at=clock.now() - age)
    assert refusal_of(fence_of(Snapshot(RUNNING)), late) is Refusal.LATE


def test_expired_delivery_closes_the_fence() -> None:
    assert refusal_of(fence_of(Snapshot(RUNNING)), claimed(expires_at=clock.now())) is Refusal.LATE
