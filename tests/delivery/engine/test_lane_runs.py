"""A lane knows of each run how it fares, whether another sender comes next, and when it must pause."""

from __future__ import annotations

from campaigns.delivery.engine.flow.breaker import FAULTS_IN_A_ROW
from campaigns.delivery.engine.lane_runs import LaneRuns
from campaigns.delivery.engine.ports import RunningRun
from campaigns.gateways.base import Action, RejectedError

OURS = RejectedError("21606", Action.PAUSE_RUN)


def fail(runs: LaneRuns, run_id: int, times: int) -> None:
    for _ in range(times):
        runs.failed(run_id, OURS, falls_back=False)


def test_each_run_has_its_own_breaker() -> None:
    runs = LaneRuns(is_rehearsal=False)
    fail(runs, 1, FAULTS_IN_A_ROW - 1)
    fail(runs, 2, 1)
    assert runs.to_pause == {}
    fail(runs, 1, 1)
    assert list(runs.to_pause) == [1]


def test_acceptance_between_faults_clears_them() -> None:
    runs = LaneRuns(is_rehearsal=False)
    fail(runs, 1, FAULTS_IN_A_ROW - 1)
    runs.accepted(1)
    fail(runs, 1, FAULTS_IN_A_ROW - 1)
    assert runs.to_pause == {}


def test_paused_run_begins_anew() -> None:
    runs = LaneRuns(is_rehearsal=False)
    fail(runs, 1, FAULTS_IN_A_ROW)
    runs.paused(1)
    assert runs.to_pause == {}
    fail(runs, 1, FAULTS_IN_A_ROW - 1)
    assert runs.to_pause == {}


def test_run_that_ended_is_forgotten() -> None:
    runs = LaneRuns(is_rehearsal=False)
    fail(runs, 1, FAULTS_IN_A_ROW - 1)
    runs.keep([RunningRun(2, 1, 10.0)])
    fail(runs, 1, FAULTS_IN_A_ROW - 1)
    assert runs.to_pause == {}


def test_next_sender_is_as_the_listener_saw_it() -> None:
    runs = LaneRuns(is_rehearsal=False)
    runs.keep([RunningRun(1, 1, 10.0, has_next=True), RunningRun(2, 1, 10.0)])
    assert (runs.has_next(1), runs.has_next(2)) == (True, False)
    runs.keep([RunningRun(1, 1, 10.0)])
    assert not runs.has_next(1)


def test_next_sender_of_a_run_that_was_stopped_is_known_while_its_calls_end() -> None:
    runs = LaneRuns(is_rehearsal=False)
    runs.keep([RunningRun(1, 1, 10.0, has_next=True)])
    runs.keep([])
    assert runs.has_next(1)


def test_rehearsal_is_paused_for_what_would_pause_its_sender() -> None:
    blamed = RejectedError("20003", Action.PAUSE_SENDER)
    for is_rehearsal in (True, False):
        runs = LaneRuns(is_rehearsal=is_rehearsal)
        for _ in range(FAULTS_IN_A_ROW):
            runs.failed(1, blamed, falls_back=False)
        assert bool(runs.to_pause) is is_rehearsal
