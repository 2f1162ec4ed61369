"""The clock: real schedulers, short ticks, several at once, a database that goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.outages import Outages
from campaigns.core.settings import Settings
from campaigns.places.models import Region
from campaigns.planning.campaign_content import Cap, FrozenRun
from campaigns.planning.models import Run, RunState, Schedule, ZonePolicy
from campaigns.planning.runs import ticker
from campaigns.planning.runs.ticker import Clockwork
from campaigns.planning.schedules.recurrence import Timing
from campaigns.schema import metadata
from tests.moments import standing_at
from tests.planning.story import DUE, EVENING, START, a_story
from tests.web.pages import page_settings

HOURLY = Timing(EVENING.starts_at, "FREQ=HOURLY", ZonePolicy.FIXED, "Europe/Warsaw")


@pytest.fixture
def quick(engine: Engine) -> Settings:
    """Settings of a clock that looks at its rows every second."""
    return replace(page_settings(engine), clock_tick_seconds=1)


@pytest.fixture
def approved(sessions: sessionmaker[Session], vault: Vault) -> int:
    """The committed schedule of an approved campaign."""
    with clock.running_on(lambda: START), sessions.begin() as session:
        return a_story(session, vault).approved(HOURLY).id


@contextmanager
def running(*clocks: Clockwork) -> Iterator[None]:
    with ExitStack() as stack:
        for each in clocks:
            each.start()
            stack.callback(each.stop)
        yield


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def runs(sessions: sessionmaker[Session]) -> list[tuple[datetime, RunState]]:
    found = select(Run.occurrence, Run.state).order_by(Run.occurrence)
    with sessions() as session:
        return [(occurrence, state) for occurrence, state in session.execute(found)]


def test_five_clocks_make_one_run_an_occurrence(
    sessions: sessionmaker[Session], quick: Settings, approved: int
) -> None:
    """Four occurrences are due while five clocks tick: four runs, the missed ones held, the last one started."""
    now = DUE + timedelta(hours=3)
    with clock.running_on(lambda: now), running(*(Clockwork(sessions, quick) for _ in range(5))):
        until(lambda: len(runs(sessions)) == 4)
        time.sleep(1.2)
    found = runs(sessions)
    assert [occurrence for occurrence, _ in found] == [
        EVENING.starts_at + timedelta(hours=hour) for hour in range(4)
    ]
    assert [state for _, state in found] == [RunState.HELD] * 2 + [RunState.PLANNING] * 2


def tick_together(clocks: list[Clockwork]) -> None:
    barrier = threading.Barrier(len(clocks))

    def tick(each: Clockwork) -> None:
        barrier.wait()
        each.tick()

    threads = [threading.Thread(target=tick, args=(each,)) for each in clocks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.one_database
def test_ticks_at_one_instant_agree(sessions: sessionmaker[Session], quick: Settings, approved: int) -> None:
    """Eight threads fire together, fifteen times: never two runs of one occurrence, never one left out."""
    clocks = [Clockwork(sessions, quick) for _ in range(8)]
    for hour in range(15):
        now = DUE + timedelta(hours=hour)
        with standing_at(now):
            tick_together(clocks)
        assert len(runs(sessions)) == hour + 1


@pytest.mark.one_database
def test_alarm_fires_before_the_next_tick(sessions: sessionmaker[Session], quick: Settings, vault: Vault) -> None:
    """A firing two seconds ahead is made by its own alarm, although the tick is an hour away."""
    fire_at = datetime.now(UTC) + timedelta(seconds=2)
    with clock.running_on(lambda: START), sessions.begin() as session:
        a_story(session, vault).approved().next_fire_at = fire_at
    with running(Clockwork(sessions, replace(quick, clock_tick_seconds=3600))):
        until(lambda: len(runs(sessions)) == 1, seconds=6)
    with sessions() as session:
        assert session.scalars(select(Run.created_at)).one() - fire_at < timedelta(seconds=2)


def test_clock_stops_while_an_alarm_rings(
    sessions: sessionmaker[Session], quick: Settings, approved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scheduler's thread ends without an error, which pytest would show."""
    ringing, find = threading.Event(), BackgroundScheduler._lookup_executor
    ours = Clockwork(sessions, replace(quick, clock_tick_seconds=3600))

    def slowly(scheduler: BackgroundScheduler, alias: str) -> Any:
        if scheduler.get_job(f"schedule {approved}") is not None:
            ringing.set()
            time.sleep(0.5)
        return find(scheduler, alias)

    monkeypatch.setattr(BackgroundScheduler, "_lookup_executor", slowly)
    with clock.running_on(lambda: DUE - timedelta(minutes=1)), running(ours):
        assert ringing.wait(10)
    assert runs(sessions) == []


def test_broken_schedule_does_not_keep_the_others(
    sessions: sessionmaker[Session], quick: Settings, approved: int, vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    """The longest due schedule says no occurrence (which nothing writes): it is logged, the next one fires."""
    with clock.running_on(lambda: START), sessions.begin() as session:
        session.get_one(Schedule, approved).next_fire_at = DUE - timedelta(minutes=1)
        session.get_one(Schedule, approved).next_occurrence = None
        region = session.scalars(select(Region)).one()
        region.code = "PL-14"
        session.flush()
        a_story(session, vault).approved()
    with clock.running_on(lambda: DUE), running(Clockwork(sessions, quick)):
        until(lambda: len(runs(sessions)) == 1)
    assert f"Schedule {approved} could not be fired" in caplog.text


@pytest.mark.one_database
def test_missed_occurrence_is_held_after_a_standstill(
    sessions: sessionmaker[Session], quick: Settings, approved: int
) -> None:
    with clock.running_on(lambda: DUE + timedelta(hours=1, minutes=30)), running(Clockwork(sessions, quick)):
        until(lambda: len(runs(sessions)) == 2)
    assert [state for _, state in runs(sessions)] == [RunState.HELD, RunState.PLANNING]


def test_run_gets_the_cap_of_the_settings(sessions: sessionmaker[Session], quick: Settings, approved: int) -> None:
    settings = replace(quick, cap_messages=5, cap_days=14)
    with clock.running_on(lambda: DUE), running(Clockwork(sessions, settings)):
        until(lambda: len(runs(sessions)) == 1)
    with sessions() as session:
        frozen = session.scalars(select(Run.frozen)).one()
    assert FrozenRun.from_json(frozen).cap == Cap(messages=5, days=14)


def test_clock_survives_a_missing_database(
    tmp_path: Path, vault: Vault, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without tables each tick fails, which is said once; once they are there, the schedule fires."""
    monkeypatch.setattr(ticker, "OUTAGES", Outages())
    engine = make_engine(f"sqlite:///{tmp_path / 'late.db'}")
    sessions = make_sessions(engine)
    quick = replace(page_settings(engine), clock_tick_seconds=1)
    with clock.running_on(lambda: DUE), running(Clockwork(sessions, quick)):
        until(lambda: "reading the schedules" in caplog.text)
        metadata.create_all(engine)
        with clock.running_on(lambda: START), sessions.begin() as session:
            a_story(session, vault).approved()
        until(lambda: len(runs(sessions)) == 1)
    engine.dispose()


def test_idle_tick_takes_no_writers_lock(tmp_path: Path) -> None:
    """While somebody else writes to SQLite, a clock with nothing to do does not wait for them."""
    engine = make_engine(f"sqlite:///{tmp_path / 'busy.db'}")
    metadata.create_all(engine)
    with engine.begin() as writer:
        writer.execute(text("DELETE FROM run"))
        began = time.monotonic()
        Clockwork(make_sessions(engine), page_settings(engine)).tick()
        assert time.monotonic() - began < 2
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Run)) == 0
    engine.dispose()


def count_ticks(ours: Clockwork) -> list[float]:
    """Note the monotonic moment of each tick of a clock that is to be started."""
    moments: list[float] = []
    tick = ours.tick

    def counted() -> None:
        moments.append(time.monotonic())
        tick()

    ours.tick = counted  # type: ignore[method-assign]
    return moments


@pytest.mark.one_database
def test_schedule_that_cannot_be_fired_makes_nothing_spin(
    sessions: sessionmaker[Session], quick: Settings, approved: int
) -> None:
    """It stays due; its alarm, in the past, would ring at once and be set anew."""
    with clock.running_on(lambda: START), sessions.begin() as session:
        session.get_one(Schedule, approved).next_occurrence = None
    ours = Clockwork(sessions, quick)
    moments = count_ticks(ours)
    with clock.running_on(lambda: DUE), running(ours):
        time.sleep(2.2)
    assert 1 <= len(moments) <= 4


@pytest.mark.parametrize("judgements", [1, 2])
def test_clock_that_is_set_once_it_was_judged_fires_nothing(
    sessions: sessionmaker[Session], quick: Settings, approved: int, judgements: int
) -> None:
    """A tick waits for the database and for other threads, and somebody may set the clock meanwhile."""
    time_of_day, judged = [DUE], list[bool]()

    def judge() -> bool:
        judged.append(time_of_day[0] != DUE)
        if len(judged) == judgements:
            time_of_day[0] = DUE + timedelta(hours=5)
        return judged[-1]

    with clock.running_on(lambda: time_of_day[0]):
        Clockwork(sessions, quick, is_astray=judge).tick()
    assert runs(sessions) == []


@pytest.mark.one_database
def test_clock_that_may_be_wrong_fires_nothing(
    sessions: sessionmaker[Session], quick: Settings, approved: int
) -> None:
    astray = threading.Event()
    astray.set()
    ours = Clockwork(sessions, quick, is_astray=astray.is_set)
    moments = count_ticks(ours)
    with clock.running_on(lambda: DUE), running(ours):
        until(lambda: len(moments) >= 2)
        assert runs(sessions) == []
        astray.clear()
        until(lambda: len(runs(sessions)) == 1)
