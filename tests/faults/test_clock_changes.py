"""Two simulated years in twelve zones, with clocks that jump: each occurrence is one run or one held run."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.wallclock import to_utc
from campaigns.planning.firing import fire_due
from campaigns.planning.models import Run, RunState
from tests.planning.story import EVENING, START, a_story
from tests.planning.test_recurrence import ZONES

#: At this hour the gaps and folds of most zones lie; each day it comes once, or the first moment after it.
AT_NIGHT = time(2, 30)
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
        with clock.running_on(lambda now=now: now):  # type: ignore[misc]
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
