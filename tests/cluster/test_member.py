"""Lanes are shared by the living, one worker a lane, and never handed over while a call may still begin."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.steady import CLOCKS_APART
from campaigns.delivery.engine.cluster import GONE_AFTER, LET_GO_AFTER, ClusterStore, Member
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.lane_jobs import enqueue_lanes
from campaigns.delivery.lanes.sender_facts import LaneKey, Line
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL
from tests.delivery.builders import a_planned_run, a_running_run, people
from tests.factories import a_sender

NONE: frozenset[LaneKey] = frozenset()


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def join(sessions: sessionmaker[Session], seconds: Seconds) -> Callable[[], Member]:
    """Make members of one cluster, all on one monotonic clock."""
    return lambda: Member(sessions, seconds=seconds)


def run_lanes(sessions: sessionmaker[Session], count: int) -> list[LaneKey]:
    """Start a run over each of `count` new senders and return their lanes."""
    with sessions.begin() as session:
        senders = [a_sender(session) for _ in range(count)]
        for sender in senders:
            a_planned_run(session, sender=sender, state=RunState.RUNNING)
        return [(sender.id, False) for sender in senders]


def end_runs(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        session.execute(update(Run).values(state=RunState.DONE))


def fall_silent(engine: Engine) -> None:
    """Make the last heartbeat of every worker too old."""
    with engine.begin() as connection:
        old = text("UPDATE procrastinate_workers SET last_heartbeat = now() - make_interval(secs => :seconds)")
        connection.execute(old, {"seconds": GONE_AFTER + 1})


def count_jobs(engine: Engine) -> int:
    with engine.connect() as connection:
        count: int = connection.scalars(text("SELECT count(*) FROM procrastinate_jobs")).one()
        return count


def test_one_worker_serves_every_lane(sessions: sessionmaker[Session], join: Callable[[], Member]) -> None:
    lanes, member = run_lanes(sessions, 3), join()
    assert member.lanes() == NONE
    member.beat(NONE)
    assert member.lanes() == set(lanes)


def test_shares_differ_by_one_lane(
    sessions: sessionmaker[Session], join: Callable[[], Member], seconds: Seconds
) -> None:
    lanes, members = run_lanes(sessions, 7), [join() for _ in range(3)]
    for _ in range(4):
        for member in members:
            member.beat(NONE)
        seconds.now += LET_GO_AFTER
    shares = [member.lanes() for member in members]
    assert sorted(len(share) for share in shares) == [2, 2, 3]
    assert sorted(lane for share in shares for lane in share) == lanes


def test_settled_lanes_stay_where_they_are(
    sessions: sessionmaker[Session], join: Callable[[], Member], seconds: Seconds
) -> None:
    run_lanes(sessions, 4)
    members, seen = [join() for _ in range(3)], set()
    for round_ in range(12):
        for member in members:
            member.beat(NONE)
        seconds.now += LET_GO_AFTER
        if round_ >= 4:
            seen.add(tuple(member.lanes() for member in members))
    assert len(seen) == 1


def test_newcomer_waits_for_open_lanes(
    sessions: sessionmaker[Session], join: Callable[[], Member], seconds: Seconds
) -> None:
    (stays, moves), old, new = run_lanes(sessions, 2), join(), join()
    old.beat(NONE)
    new.beat(NONE)
    old.beat(frozenset({stays, moves}))
    assert old.lanes() == {stays}
    seconds.now += 10 * LET_GO_AFTER
    old.beat(frozenset({stays, moves}))
    new.beat(NONE)
    assert new.lanes() == NONE
    old.beat(frozenset({stays}))
    new.beat(NONE)
    assert new.lanes() == {moves}


def test_no_fence_trusts_a_lane_that_moved(
    sessions: sessionmaker[Session], join: Callable[[], Member], seconds: Seconds
) -> None:
    run_lanes(sessions, 2)
    old, new = join(), join()
    for member in (old, new, old):
        member.beat(NONE)
    # A look made just before the lane left may still open it in the other process.
    seconds.now += LET_GO_AFTER * 0.9
    old.beat(NONE)
    new.beat(NONE)
    assert new.lanes() == NONE


def test_worker_that_cannot_beat_gives_up_first(
    sessions: sessionmaker[Session], join: Callable[[], Member], seconds: Seconds
) -> None:
    lanes, member = run_lanes(sessions, 1), join()
    member.beat(NONE)
    seconds.now += GONE_AFTER - LET_GO_AFTER
    assert member.lanes() == set(lanes)
    seconds.now += 0.1
    assert member.lanes() == NONE
    member.beat(NONE)
    assert member.lanes() == set(lanes)


def test_silent_worker_loses_its_lanes(
    engine: Engine, sessions: sessionmaker[Session], join: Callable[[], Member]
) -> None:
    lanes, dead, living = run_lanes(sessions, 2), join(), join()
    dead.beat(NONE)
    fall_silent(engine)
    living.beat(NONE)
    assert living.lanes() == set(lanes)
    assert dead.lanes() == NONE


def test_worker_given_up_begins_anew(
    engine: Engine, sessions: sessionmaker[Session], join: Callable[[], Member], seconds: Seconds
) -> None:
    lanes, asleep, living = run_lanes(sessions, 2), join(), join()
    asleep.beat(NONE)
    fall_silent(engine)
    for member in (living, asleep, living):
        member.beat(NONE)
        seconds.now += LET_GO_AFTER
    living.beat(NONE)
    asleep.beat(NONE)
    assert asleep.lanes() | living.lanes() == set(lanes)
    assert len(asleep.lanes()) == len(living.lanes()) == 1


def test_deleted_jobs_come_back(
    engine: Engine, sessions: sessionmaker[Session], join: Callable[[], Member]
) -> None:
    lanes, member = run_lanes(sessions, 2), join()
    member.beat(NONE)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE"))
    assert member.lanes() == NONE
    member.beat(NONE)
    assert member.lanes() == set(lanes)


def test_leaving_frees_lanes_at_once(sessions: sessionmaker[Session], join: Callable[[], Member]) -> None:
    lanes, leaver, other = run_lanes(sessions, 2), join(), join()
    leaver.beat(NONE)
    leaver.leave()
    other.beat(NONE)
    assert other.lanes() == set(lanes)


def test_jobs_end_with_their_runs(
    engine: Engine, sessions: sessionmaker[Session], join: Callable[[], Member], seconds: Seconds
) -> None:
    run_lanes(sessions, 2)
    member = join()
    member.beat(NONE)
    end_runs(sessions)
    member.beat(NONE)
    assert member.lanes() == NONE
    seconds.now += LET_GO_AFTER
    member.beat(NONE)
    assert count_jobs(engine) == 0


@pytest.mark.parametrize("wrong_by", [-2 * CLOCKS_APART, 2 * CLOCKS_APART])
def test_wrong_clock_serves_nothing(
    sessions: sessionmaker[Session], join: Callable[[], Member], wrong_by: timedelta
) -> None:
    lanes, member = run_lanes(sessions, 1), join()
    member.beat(NONE)
    wrong = clock.now() + wrong_by
    with clock.running_on(lambda: wrong):
        member.beat(NONE)
        assert member.lanes() == NONE
    member.beat(NONE)
    assert member.lanes() == set(lanes)


def test_step_of_the_clock_is_seen_before_the_next_beat(
    sessions: sessionmaker[Session], vault: Vault, join: Callable[[], Member]
) -> None:
    """Nothing is claimed by a clock that was set since it was compared."""
    lanes, member = run_lanes(sessions, 1), join()
    assert member.is_astray()
    member.beat(NONE)
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=1)
        ask = Ask(Line(run.sender_id), run.id, 0, 10)
    store = ClusterStore(sessions, vault, member)
    with clock.running_on(lambda: datetime.now(UTC) + timedelta(days=2)):
        assert not store.exchange((), ask).taken
        assert member.lanes() == NONE
    assert member.lanes() == set(lanes)
    assert store.exchange((), ask).taken == 1


def test_snapshot_names_own_lanes_only(
    sessions: sessionmaker[Session], vault: Vault, join: Callable[[], Member]
) -> None:
    lanes, ours, theirs = run_lanes(sessions, 2), join(), join()
    for member in (theirs, ours):
        member.beat(NONE)
    snapshots = [ClusterStore(sessions, vault, member).snapshot() for member in (ours, theirs)]
    assert [[seen.is_ours(lane) for lane in lanes] for seen in snapshots] == [[False, False], [True, True]]
    assert [len(seen.running) for seen in snapshots] == [2, 2]


def test_job_shares_its_makers_fate(engine: Engine, sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        enqueue_lanes(session, [(1, False)])
        session.rollback()
    assert count_jobs(engine) == 0
    with sessions.begin() as session:
        enqueue_lanes(session, [(1, False)])
        enqueue_lanes(session, [(1, False), (1, True)])
    with engine.connect() as connection:
        arguments = connection.scalars(text("SELECT args FROM procrastinate_jobs ORDER BY id")).all()
    assert arguments == [{"sender_id": 1, "is_rehearsal": False}, {"sender_id": 1, "is_rehearsal": True}]


def test_fan_out_enqueues_its_lanes(engine: Engine, sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session, senders=[a_sender(session), a_sender(session)])
        people(session, run.organisation_id, vault, count=3)
    fan_out(sessions, run.id, policy=USUAL)
    assert count_jobs(engine) == 2


def test_many_beats_at_once_agree(sessions: sessionmaker[Session]) -> None:
    lanes = run_lanes(sessions, 5)
    members = [Member(sessions) for _ in range(4)]

    def beat_often(member: Member) -> None:
        for _ in range(15):
            member.beat(NONE)

    with ThreadPoolExecutor(len(members)) as pool:
        for done in [pool.submit(beat_often, member) for member in members]:
            done.result()
    held = [lane for member in members for lane in member.lanes()]
    assert len(held) == len(set(held))
    assert set(held) <= set(lanes)
