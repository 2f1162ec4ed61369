"""A campaign that starts as soon as it is approved: once, by the checks of any other, whoever dies between."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import GateError, InputError, RefusedError, TransitionError
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.directory.models import Service
from campaigns.planning import service
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Campaign, CampaignState, Run, RunState, Schedule
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.service import fire_due
from campaigns.planning.standing import Standing, standings_of
from tests.planning.story import DUE, EVENING, START, Story, a_story
from tests.planning.test_races import approve, together

pytestmark = pytest.mark.usefixtures("at_the_start")

#: As the author said it in Warsaw, ten minutes before it is approved.
AT_ONCE = Timing.at_approval("Europe/Warsaw", now=START - timedelta(minutes=10))
#: When a worker looks next.
SOON = START + timedelta(seconds=5)
#: Fires what is due, and dies before that is committed.
DYING = (
    "import os, signal, sys\n"
    "from datetime import datetime\n"
    "from campaigns import schema\n"
    "from campaigns.core.database import make_engine, make_sessions\n"
    "from campaigns.planning.runs.firing import fire_due\n"
    "with make_sessions(make_engine(sys.argv[1]))() as session:\n"
    "    assert len(fire_due(session, now=datetime.fromisoformat(sys.argv[2]))) == 1\n"
    "    session.flush()\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
)


def edit(story: Story) -> None:
    plan = replace(plan_of(story.campaign), name="Another name")
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)


def approve_again(story: Story) -> None:
    digest = story.submitted()
    service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)


@pytest.mark.one_database
def test_approval_starts_one_run(story: Story) -> None:
    schedule = story.scheduled(AT_ONCE)
    digest = story.submitted()
    awaits = [schedule.awaits_approval]
    assert fire_due(story.session, now=SOON) == []
    service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)
    assert schedule.next_fire_at == clock.now()
    (run,) = fire_due(story.session, now=SOON)
    assert (run.state, run.occurrence) == (RunState.PLANNING, datetime(2026, 3, 2, 13, 0))
    assert [*awaits, schedule.awaits_approval] == [True, False]
    assert fire_due(story.session, now=DUE + timedelta(days=9)) == []
    run.state = RunState.DONE
    story.session.flush()
    assert standings_of(story.session, [story.campaign]) == {story.campaign.id: Standing.SENT}


@pytest.mark.one_database
def test_author_cannot_start_it(story: Story) -> None:
    schedule = story.scheduled(AT_ONCE)
    digest = story.submitted()
    with pytest.raises(RefusedError):
        service.approve_campaign(story.session, story.campaign, by=story.author.id, digest=digest)
    assert (story.campaign.state, schedule.next_fire_at) == (CampaignState.SUBMITTED, None)


@pytest.mark.one_database
def test_edit_before_the_start_stops_it(story: Story) -> None:
    """What was approved is not sent any more; the next approval starts what it approves."""
    story.approved(AT_ONCE)
    edit(story)
    assert fire_due(story.session, now=SOON) == []
    approve_again(story)
    assert [run.state for run in fire_due(story.session, now=SOON)] == [RunState.PLANNING]


@pytest.mark.one_database
def test_later_approval_starts_nothing_more_of_it(story: Story) -> None:
    story.approved(AT_ONCE)
    fire_due(story.session, now=SOON)
    edit(story)
    story.scheduled(EVENING)
    approve_again(story)
    assert fire_due(story.session, now=SOON) == []
    (evening,) = fire_due(story.session, now=DUE)
    assert evening.occurrence == EVENING.starts_at


@pytest.mark.one_database
def test_after_its_start_it_needs_another_time(story: Story) -> None:
    story.approved(AT_ONCE)
    fire_due(story.session, now=SOON)
    edit(story)
    with pytest.raises(GateError):
        story.submitted()


@pytest.mark.one_database
def test_it_starts_once_only_each_time(story: Story) -> None:
    story.scheduled(AT_ONCE)
    with pytest.raises(InputError):
        story.scheduled(AT_ONCE)


@pytest.mark.one_database
def test_it_is_checked_when_it_starts(story: Story) -> None:
    story.approved(AT_ONCE)
    story.campaign.sender.active = False
    (run,) = fire_due(story.session, now=SOON)
    assert run.state == RunState.HELD


@pytest.mark.one_database
def test_late_worker_asks_first(story: Story) -> None:
    story.approved(AT_ONCE)
    (run,) = fire_due(story.session, now=START + timedelta(hours=2))
    assert run.state == RunState.HELD
    assert isinstance(run.reason, Sentence)
    assert str(run.reason.values["late"]) == "120"


@pytest.mark.one_database
def test_hour_that_comes_twice_starts_it_once(story: Story) -> None:
    """Said in the first of the two hours, approved in the second: the clock shows an earlier time."""
    first, second = datetime.fromisoformat("2026-10-25T00:50Z"), datetime.fromisoformat("2026-10-25T01:10Z")
    timing = Timing.at_approval("Europe/Warsaw", now=first)
    story.session.scalars(select(Service)).one().verified_on = second.date()
    with clock.running_on(lambda: second):
        schedule = story.approved(timing)
        assert len(fire_due(story.session, now=second)) == 1
        assert schedule.next_fire_at is None


def test_approval_pressed_twice_starts_one_run(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        story = a_story(session, vault)
        story.scheduled(AT_ONCE)
        digest = story.submitted()
    done = together(
        sessions,
        approve(story, digest),
        approve(story, digest),
        lambda session: fire_due(session, now=SOON),
        lambda session: fire_due(session, now=SOON),
    )
    assert sorted(done[:2]) == [False, True]
    with sessions.begin() as session:
        fire_due(session, now=SOON)
        assert session.scalars(select(Run.state)).all() == [RunState.PLANNING]


def test_killed_worker_between_approval_and_start_is_taken_over(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        a_story(session, vault).approved(AT_ONCE)
    url = engine.url.render_as_string(hide_password=False)
    killed = subprocess.run([sys.executable, "-c", DYING, url, SOON.isoformat()])
    assert killed.returncode == -signal.SIGKILL
    with sessions.begin() as session:
        assert session.scalars(select(Run)).all() == []
    with sessions.begin() as session:
        # A server sees a little later that its client is dead; until then a clock passes over what it held.
        for held in (Schedule, Campaign):
            session.execute(select(held.id).with_for_update())
    for moment in (SOON, SOON + timedelta(seconds=5)):
        with sessions.begin() as session:
            fire_due(session, now=moment)
    with sessions() as session:
        assert session.scalars(select(Run.state)).all() == [RunState.PLANNING]


def test_second_press_is_told(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        story = a_story(session, vault)
        story.approved(AT_ONCE)
        with pytest.raises(TransitionError, match="approved already"):
            approve(story, "")(session)
