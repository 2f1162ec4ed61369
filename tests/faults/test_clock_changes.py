"""Two simulated years in twelve zones, with clocks that jump: each occurrence is one run or one held run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import time as hour_of_day

import apscheduler.schedulers.base
import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.core.wallclock import to_utc
from campaigns.planning.models import Run, RunState
from campaigns.planning.runs import ticker
from campaigns.planning.runs.firing import fire_due
from campaigns.planning.runs.ticker import Clockwork
from tests.faults.scene import until
from tests.moments import standing_at
from tests.planning.schedules.test_recurrence import ZONES
from tests.planning.story import EVENING, START, a_story
from tests.web.pages import page_settings

#: At this hour the gaps and folds of most zones lie; each day it comes once, or the first moment after it.
AT_NIGHT = hour_of_day(2, 30)
#: How often a clock is set wrong, and by how many hours at most.
JUMPS, FURTHEST = 0.05, 3.0


def ticks(chance: random.Random, start: datetime, days: int) -> Iterator[datetime]:
    """Give the moments at which a clock looks, some hours apart, and wrong ones before it is set right again."""
    moment, end = start, start + timedelta(days=days)
    while moment < end:
        moment += timedelta(hours=chance.uniform(1, 9))
        yield moment
        if chance.random() < JUMPS:
            yield moment + timedelta(hours=chance.uniform(-FURTHEST, FURTHEST))


@pytest.mark.parametrize(
    ("zones", "start", "days"),
    [
        # Over the last Sunday of March.
        pytest.param(ZONES[:3], datetime(2026, 3, 26, 12, tzinfo=UTC), 5, id="ordinary"),
        pytest.param(ZONES, START, 730, id="heavy", marks=pytest.mark.slow),
    ],
)
def test_each_night_has_one_run(
    sessions: sessionmaker[Session],
    vault: Vault,
    found: Callable[..., None],
    zones: tuple[str, ...],
    start: datetime,
    days: int,
) -> None:
    first = datetime.combine(start.date() + timedelta(days=1), AT_NIGHT)
    zone_of = schedule_nights(sessions, vault, zones, first)
    latest = start
    for now in ticks(random.Random(days), start, days):
        latest = max(latest, now)
        with standing_at(now):
            while fire(sessions, now):
                continue
    with sessions() as session:
        made = session.execute(select(Run.schedule_id, Run.occurrence, Run.state).order_by(Run.occurrence)).all()
    for schedule_id, zone in zone_of.items():
        nights = [run.occurrence for run in made if run.schedule_id == schedule_id]
        assert nights == [first + timedelta(days=night) for night in range(len(nights))]
        assert to_utc(nights[-1], zone) <= latest < to_utc(nights[-1] + timedelta(days=1), zone)
    found(zones=len(zones), days=days, runs=len(made), held=sum(run.state == RunState.HELD for run in made))


def schedule_nights(
    sessions: sessionmaker[Session], vault: Vault, zones: tuple[str, ...], first: datetime
) -> dict[int, str]:
    """Approve a campaign sent each night from the `first` in each zone; return the zones by schedule."""
    nightly = [replace(EVENING, starts_at=first, recurrence="FREQ=DAILY", time_zone=zone) for zone in zones]
    with clock.running_on(lambda: START), sessions.begin() as session:
        story = a_story(session, vault, people=1)
        schedules = [story.scheduled(timing) for timing in nightly[1:]]
        schedules.append(story.approved(nightly[0]))
        return {schedule.id: schedule.time_zone for schedule in schedules}


def fire(sessions: sessionmaker[Session], now: datetime) -> list[Run]:
    with sessions.begin() as session:
        return fire_due(session, now=now)


class Wall:
    """The time of day as APScheduler and the clock read it, which a test sets by hours while seconds pass on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set_by = timedelta(0)
        wall = self

        class Shifted(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + wall.set_by

        for module in (apscheduler.schedulers.base, ticker):
            monkeypatch.setattr(module, "datetime", Shifted)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.set_by


@pytest.mark.parametrize("hours", [-1, *(pytest.param(hours, marks=pytest.mark.long) for hours in (1, -48))])
def test_clock_that_is_set_keeps_looking(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    """The real clock looks at its schedules every second, whatever is done to the time."""
    wall, looks = Wall(monkeypatch), list[float]()
    settings = replace(page_settings(sqlite_engine), clock_tick_seconds=1)
    ours = Clockwork(make_sessions(sqlite_engine), settings)
    tick = ours.tick

    def counted() -> None:
        looks.append(time.monotonic())
        tick()

    monkeypatch.setattr(ours, "tick", counted)
    with clock.running_on(wall.now):
        ours.start()
        try:
            until(lambda: len(looks) > 1, what="looking")
            wall.set_by, set_at = timedelta(hours=hours), time.monotonic()
            # One was awaited when the clock was set.
            until(lambda: looks[-1] > set_at + 1.2, seconds=5, what="looking on")
        finally:
            ours.stop()
