"""What was aimed by the zones of one moment follows the people who join, and clocks that governments change."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.places.models import Region
from campaigns.planning.models import Run, RunState, Schedule, ZonePolicy
from campaigns.planning.runs.ticker import Clockwork
from campaigns.planning.schedules.recurrence import Timing, aimed_at
from tests.factories import a_contact, an_address
from tests.planning.story import DUE, EVENING, START, Story, a_story
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database

THEIRS = Timing(EVENING.starts_at, "FREQ=WEEKLY", ZonePolicy.RECIPIENT, "Europe/Warsaw")
#: 18:00 in Tbilisi.
TBILISI = datetime(2026, 3, 2, 14, 0, tzinfo=START.tzinfo)


@pytest.fixture
def story(sessions: sessionmaker[Session], vault: Vault) -> Story:
    """A weekly campaign at 18:00 by everybody's own clock, whose people are all in Warsaw so far."""
    with clock.running_on(lambda: START), sessions.begin() as session:
        story = a_story(session, vault, people=40)
        story.approved(THEIRS)
        return story


def join(sessions: sessionmaker[Session], story: Story, vault: Vault, zone: str) -> None:
    with sessions.begin() as session:
        region_id = session.scalars(select(Region.id)).one()
        contact = a_contact(session, story.organisation, region_id=region_id, time_zone=zone)
        an_address(session, contact, vault, number="+380661234567")


def tick(watch: Clockwork, at: datetime) -> None:
    with clock.running_on(lambda: at):
        watch.tick()


def fires_at(sessions: sessionmaker[Session]) -> datetime | None:
    with sessions() as session:
        return session.scalars(select(Schedule.next_fire_at)).one()


def states(sessions: sessionmaker[Session]) -> list[RunState]:
    with sessions() as session:
        return list(session.scalars(select(Run.state)))


def a_clock(engine: Engine, sessions: sessionmaker[Session]) -> Clockwork:
    return Clockwork(sessions, page_settings(engine))


def test_who_joins_from_the_east_hears_at_their_hour(
    engine: Engine, sessions: sessionmaker[Session], story: Story, vault: Vault
) -> None:
    watch = a_clock(engine, sessions)
    tick(watch, START)
    assert fires_at(sessions) == DUE
    join(sessions, story, vault, "Asia/Tbilisi")
    tick(watch, START + timedelta(minutes=1))
    assert fires_at(sessions) == TBILISI


def test_occurrence_that_is_far_is_aimed_when_it_comes_near(
    engine: Engine, sessions: sessionmaker[Session], story: Story, vault: Vault
) -> None:
    watch = a_clock(engine, sessions)
    tick(watch, START - timedelta(days=3))
    join(sessions, story, vault, "Asia/Tbilisi")
    tick(watch, START - timedelta(days=2))
    assert fires_at(sessions) == DUE
    tick(watch, START - timedelta(hours=20))
    assert fires_at(sessions) == TBILISI


def test_who_joins_too_late_holds_back_nobody(
    engine: Engine, sessions: sessionmaker[Session], story: Story, vault: Vault
) -> None:
    """Their evening was two hours ago: the run is not two hours late for it."""
    watch = a_clock(engine, sessions)
    tick(watch, START)
    join(sessions, story, vault, "Asia/Tbilisi")
    tick(watch, TBILISI + timedelta(hours=2))
    assert fires_at(sessions) == DUE
    tick(watch, DUE)
    assert states(sessions) == [RunState.PLANNING]


@pytest.mark.both_databases
def test_who_joins_just_after_their_hour_is_written_to_at_once(
    engine: Engine, sessions: sessionmaker[Session], story: Story, vault: Vault
) -> None:
    watch = a_clock(engine, sessions)
    tick(watch, START)
    join(sessions, story, vault, "Asia/Tbilisi")
    tick(watch, TBILISI + timedelta(minutes=5))
    tick(watch, TBILISI + timedelta(minutes=5, seconds=5))
    assert states(sessions) == [RunState.PLANNING]


@pytest.mark.both_databases
def test_new_worker_aims_by_the_clocks_of_today(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault
) -> None:
    """A zone's rules changed since: the instant that was kept is an hour off, and far ahead."""
    fixed = Timing(EVENING.starts_at + timedelta(days=30), None, ZonePolicy.FIXED, "Europe/Warsaw")
    with clock.running_on(lambda: START), sessions.begin() as session:
        a_story(session, vault).approved(fixed)
        right = session.scalars(select(Schedule.next_fire_at)).one()
        assert right is not None
        session.execute(update(Schedule).values(next_fire_at=right + timedelta(hours=1)))
    tick(a_clock(engine, sessions), START)
    assert fires_at(sessions) == right


def test_nobody_new_is_not_looked_for_at_each_tick(
    engine: Engine,
    sessions: sessionmaker[Session],
    story: Story,
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch, aimed = a_clock(engine, sessions), []
    monkeypatch.setattr(watch._aimer, "_aim", lambda schedule_id, now: aimed.append(now))
    moments = [START + timedelta(seconds=seconds) for seconds in (0, 5, 300, 600, 605)]
    for moment in moments:
        tick(watch, moment)
    join(sessions, story, vault, "Asia/Tbilisi")
    for seconds in (610, 640):
        tick(watch, START + timedelta(seconds=seconds))
    assert [(each - START).seconds for each in aimed] == [0, 600, 640]


@pytest.mark.parametrize(
    ("minutes", "fires_at"),
    [
        (-10, TBILISI),
        (0, TBILISI),
        (10, TBILISI + timedelta(minutes=10)),
        (59, TBILISI + timedelta(minutes=59)),
        (60, DUE),
        (600, DUE),
    ],
)
def test_zone_that_passed_counts_within_the_grace(minutes: int, fires_at: datetime) -> None:
    now, grace = TBILISI + timedelta(minutes=minutes), timedelta(minutes=60)
    found = aimed_at(THEIRS, ["Asia/Tbilisi"], occurrence=EVENING.starts_at, now=now, grace=grace)
    assert found == fires_at
