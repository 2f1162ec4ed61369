"""Runs take turns, cursors move on, retries behind them are met."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.delivery.engine.fair_queue import LOOK_AGAIN, LOOK_BEHIND, LOOK_SOON, FairQueue
from campaigns.delivery.engine.ports import Ask, Claimed, Found, RunningRun
from campaigns.delivery.lanes.sender_facts import Line

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LINE = Line(1)
SECOND = timedelta(seconds=1)
CLAIMED = Claimed(
    id=1,
    run_id=1,
    address_id=1,
    reference="r",
    token="t",
    attempts=1,
    intent_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    to="+1",
    body="x",
    parts=1,
)


def runs(*run_ids: int) -> list[RunningRun]:
    return [RunningRun(run_id, 1, 10.0) for run_id in run_ids]


def ours(run_id: int, *, of: int = 1, priority: int = 0) -> RunningRun:
    return RunningRun(run_id, 1, 10.0, organisation_id=of, priority=priority)


def asked(queue: FairQueue, now: datetime = NOW) -> Ask:
    ask = queue.next(now, 10)
    assert ask is not None
    return ask


def full(queue: FairQueue, last_id: int, now: datetime = NOW) -> None:
    queue.answer(asked(queue, now), Found(last_id=last_id, taken=10), now=now, took=0.01)


def turn(queue: FairQueue, room: int, parts_of: dict[int, int] | None = None) -> int:
    """Give `room` messages, each with the parts of its run's text, to the run whose turn it is; return the run."""
    ask = queue.next(NOW, room)
    assert ask is not None
    claimed = [replace(CLAIMED, parts=(parts_of or {}).get(ask.run_id, 1))] * room
    queue.answer(ask, Found(claimed, last_id=ask.after + room, taken=room), now=NOW, took=0.01)
    return ask.run_id


def empty(queue: FairQueue, now: datetime = NOW, next_due: datetime | None = None, took: float = 0.01) -> None:
    queue.answer(asked(queue, now), Found(next_due=next_due), now=now, took=took)


def test_cursor_follows_what_was_found() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    full(queue, 10)
    assert asked(queue) == Ask(LINE, 1, 10, 10)


@given(st.sets(st.integers(1, 50), min_size=1))
def test_runs_take_turns(run_ids: set[int]) -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(*run_ids))
    seen = []
    for _ in range(2 * len(run_ids)):
        seen.append(asked(queue).run_id)
        full(queue, 10)
    assert seen == sorted(run_ids) * 2


def test_urgent_run_goes_first_while_it_has_something_due() -> None:
    queue = FairQueue(LINE)
    queue.keep([*runs(1, 2), RunningRun(3, 1, 10.0, priority=10)])
    seen = []
    for _ in range(3):
        seen.append(asked(queue).run_id)
        full(queue, 10)
    empty(queue)
    assert seen == [3, 3, 3]
    assert asked(queue).run_id == 1


@given(st.integers(1, 20), st.integers(1, 20))
def test_organisations_share_a_sender_evenly(ours: int, theirs: int) -> None:
    queue = FairQueue(LINE)
    queue.keep(
        [
            RunningRun(number, 1, 10.0, organisation_id=1 + (number > ours))
            for number in range(1, ours + theirs + 1)
        ]
    )
    turns = []
    for _ in range(40):
        turns.append(asked(queue).run_id > ours)
        full(queue, 10)
    assert sum(turns) == 20


@given(st.lists(st.integers(1, 64), min_size=100, max_size=100))
def test_organisations_share_by_messages_not_turns(rooms: list[int]) -> None:
    queue, served = FairQueue(LINE), {1: 0, 2: 0}
    queue.keep([ours(1, of=1), ours(2, of=2)])
    for room in rooms:
        served[turn(queue, room)] += room
    assert abs(served[1] - served[2]) <= max(rooms)


def test_long_texts_count_by_their_parts() -> None:
    queue = FairQueue(LINE)
    queue.keep([ours(1, of=1), ours(2, of=2)])
    seen = [turn(queue, 10, parts_of={1: 3}) for _ in range(40)]
    assert (seen.count(1), seen.count(2)) == (10, 30)


def test_organisation_saves_nothing_up_while_it_waits() -> None:
    queue = FairQueue(LINE)
    queue.keep([ours(1, of=1)])
    for _ in range(100):
        turn(queue, 10)
    queue.keep([ours(1, of=1), ours(2, of=2)])
    assert sorted(turn(queue, 10) for _ in range(6)) == [1, 1, 1, 2, 2, 2]


def test_overtaking_is_not_held_against_an_organisation() -> None:
    queue = FairQueue(LINE)
    both = [ours(1, of=1), ours(2, of=2)]
    queue.keep([*both, ours(3, of=1, priority=10)])
    for _ in range(100):
        turn(queue, 10)
    queue.keep(both)
    assert sorted(turn(queue, 10) for _ in range(6)) == [1, 1, 1, 2, 2, 2]


def test_running_run_that_is_put_first_goes_on_from_its_cursor() -> None:
    queue = FairQueue(LINE)
    queue.keep([ours(1), ours(2)])
    for _ in range(4):
        full(queue, 10)
    queue.keep([ours(1), ours(2, priority=10)])
    assert [asked(queue), queue.priority_of(2)] == [Ask(LINE, 2, 10, 10), 10]


def test_nothing_to_do_without_a_run() -> None:
    assert FairQueue(LINE).next(NOW, 10) is None


def test_empty_run_is_looked_at_soon_and_then_less_often() -> None:
    queue, now = FairQueue(LINE), NOW
    queue.keep(runs(1))
    for times in (1, 2, 4, 8, 10, 10):
        empty(queue, now)
        now += times * LOOK_SOON
        assert queue.next(now - LOOK_SOON / 2, 10) is None
    assert (asked(queue, now).after, 10 * LOOK_SOON) == (0, LOOK_AGAIN)


def test_resumed_run_is_looked_at_soon() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    for number in range(3):
        empty(queue, NOW + number * LOOK_AGAIN)
    queue.keep(runs())
    queue.keep(runs(1))
    empty(queue)
    assert asked(queue, NOW + LOOK_SOON).after == 0


def test_next_zone_is_met_in_time() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    empty(queue, next_due=NOW + 2 * SECOND)
    assert asked(queue, NOW + 2 * SECOND).run_id == 1


def test_slow_look_is_repeated_less_often() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    empty(queue, took=1.0)
    assert queue.next(NOW + 19 * SECOND, 10) is None
    assert queue.next(NOW + 19 * SECOND, 10) is None
    assert queue.next(NOW + 20 * SECOND, 10) is not None


def test_look_that_was_slept_through_delays_little() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    empty(queue, took=154.0)
    assert queue.next(NOW + 29 * SECOND, 10) is None
    assert queue.next(NOW + 30 * SECOND, 10) is not None


def test_retry_is_met_when_it_is_due() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    empty(queue)
    queue.remind(1, NOW + 2 * SECOND)
    assert asked(queue, NOW + 2 * SECOND).after == 0


def test_retry_behind_the_cursor_is_met_meanwhile() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    full(queue, 10)
    queue.remind(1, NOW + 2 * SECOND)
    later = NOW + 2 * SECOND
    assert asked(queue, later) == Ask(LINE, 1, 0, 10, through=10)
    empty(queue, later)
    assert asked(queue, later) == Ask(LINE, 1, 10, 10)
    assert asked(queue, later + LOOK_BEHIND).through == 10


def test_what_is_put_back_while_the_database_looks_is_met_next() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    ask = asked(queue)
    queue.put_back(1, NOW)
    queue.answer(ask, Found(), now=NOW, took=0.01)
    assert asked(queue).after == 0
    empty(queue)
    assert queue.next(NOW + LOOK_SOON, 10) is None


def test_what_is_put_back_during_a_look_behind_is_met_next() -> None:
    queue, later = FairQueue(LINE), NOW + LOOK_BEHIND
    queue.keep(runs(1))
    full(queue, 10)
    ask = asked(queue, later)
    queue.put_back(1, later)
    queue.answer(ask, Found(), now=later, took=0.01)
    assert (ask.through, asked(queue, later).through) == (10, 10)


def test_resumed_run_is_read_from_its_start() -> None:
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    full(queue, 10)
    queue.keep(runs())
    queue.keep(runs(1))
    assert asked(queue).after == 0


def test_probes_take_turns() -> None:
    """A sender that is held is tried with another person each time, and from the first one again."""
    queue = FairQueue(LINE)
    queue.keep(runs(1))
    full(queue, last_id=10)
    for last_id in (3, 7, 12):
        ask = queue.probe(NOW)
        assert ask is not None
        queue.answer(ask, Found(last_id=last_id, taken=1), now=NOW, took=0.01)
    assert queue.probe(NOW) == Ask(LINE, 1, 12, 1, is_probe=True)
    queue.answer(Ask(LINE, 1, 12, 1, is_probe=True), Found(last_id=12), now=NOW, took=0.01)
    assert queue.probe(NOW) == Ask(LINE, 1, 0, 1, is_probe=True)
    assert asked(queue).after == 10


@pytest.mark.parametrize("set_by", [timedelta(hours=-1), timedelta(days=-2), timedelta(hours=1)])
def test_clock_that_is_set_makes_nobody_wait(set_by: timedelta) -> None:
    """Nothing is due for a moment, and then the clock is set: the run is asked again after that moment at most."""
    queue = FairQueue(LINE)
    queue.keep([RunningRun(1, LINE.sender_id, 10.0)])
    ask = queue.next(NOW, 10)
    assert ask is not None
    queue.answer(ask, Found(), now=NOW, took=0.0)
    assert queue.next(NOW, 10) is None
    assert queue.next(NOW + set_by, 10) is not None
