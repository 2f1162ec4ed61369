"""Occurrences that quiet hours or a gap of the clocks move to one instant: one text arrives then, not thirteen."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.counts import count_run
from campaigns.delivery.fanout.fanout import Planner, fan_out
from campaigns.delivery.fanout.frequency_cap import await_turn
from campaigns.delivery.fanout.merged_occurrences import count_untold
from campaigns.delivery.models import Delivery, RunLeftOut
from campaigns.delivery.service import cancel_queued
from campaigns.delivery.states import SendState
from campaigns.directory.models import Service
from campaigns.messages.service import save_translation
from campaigns.planning.models import Campaign, Priority, Run, RunState, Schedule, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.planning.runs.firing import stop_run
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.service import fire_due
from tests.moments import standing_at
from tests.planning.story import START, Story, a_story
from tests.postgres import empty_tables

pytestmark = pytest.mark.one_database

HOURLY = Timing(datetime(2026, 3, 2, 18, 0), "FREQ=HOURLY", ZonePolicy.FIXED, "Europe/Warsaw")
#: The clocks of Warsaw skip the hour from 2:00 to 3:00.
GAP = Timing(datetime(2026, 3, 29, 2, 0), "FREQ=HOURLY;COUNT=2", ZonePolicy.FIXED, "Europe/Warsaw")
GAP_ENDS = datetime(2026, 3, 29, 12, 0, tzinfo=START.tzinfo)


def prepared(sessions: sessionmaker[Session], vault: Vault, timing: Timing) -> Story:
    """Approve a campaign with two readers at these times."""
    with clock.running_on(lambda: START), sessions.begin() as session:
        story = a_story(session, vault, people=2)
        story.approved(timing)
        return story


def fire_until(sessions: sessionmaker[Session], until: datetime, *, keeps_quiet: bool = True) -> None:
    """Let the clock strike each occurrence until then, and plan its run at once."""
    while True:
        with sessions.begin() as session:
            due = fire_next(session, until, keeps_quiet=keeps_quiet)
        if due is None:
            return
        with standing_at(due[1]):
            fan_out(sessions, due[0], policy=Policy(36_500))


def fire_next(session: Session, until: datetime, *, keeps_quiet: bool) -> tuple[int, datetime] | None:
    at = session.scalars(select(Schedule.next_fire_at)).one()
    if at is None or at > until:
        return None
    for service in session.scalars(select(Service)):
        service.verified_on = at.date()
    with clock.running_on(lambda: at):
        (run,) = fire_due(session, now=at, policy=Policy(approval_valid_days=60, keeps_quiet=keeps_quiet))
    assert run.state == RunState.PLANNING, run.reason
    return run.id, at


def due_times(sessions: sessionmaker[Session]) -> Counter[datetime]:
    """Return how many messages are due at each instant."""
    with sessions() as session:
        return Counter(session.scalars(select(Delivery.due_at)))


def merged(sessions: sessionmaker[Session]) -> list[int]:
    with sessions() as session:
        rows = select(RunLeftOut.people).where(RunLeftOut.reason == "merged").order_by(RunLeftOut.run_id)
        return list(session.scalars(rows))


def test_night_of_hourly_occurrences_arrives_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    prepared(sessions, vault, HOURLY)
    nine = datetime(2026, 3, 3, 8, 0, tzinfo=START.tzinfo)
    fire_until(sessions, nine)
    times = due_times(sessions)
    assert times[nine] == 2
    assert set(times.values()) == {2}
    assert merged(sessions) == [2] * 13


def test_each_occurrence_still_has_its_run(sessions: sessionmaker[Session], vault: Vault) -> None:
    prepared(sessions, vault, HOURLY)
    fire_until(sessions, datetime(2026, 3, 3, 8, 0, tzinfo=START.tzinfo))
    with sessions() as session:
        runs = session.execute(select(Run.occurrence, Run.state).order_by(Run.id)).all()
    assert [each.occurrence for each in runs] == [HOURLY.starts_at + timedelta(hours=n) for n in range(16)]
    assert [each.state for each in runs] == [RunState.RUNNING] * 3 + [RunState.DONE] * 13


@pytest.mark.both_databases
def test_hours_of_a_gap_arrive_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    prepared(sessions, vault, GAP)
    fire_until(sessions, GAP_ENDS, keeps_quiet=False)
    assert list(due_times(sessions).values()) == [2]
    assert merged(sessions) == [2]


@pytest.mark.parametrize("priority", [Priority.ORDINARY, Priority.URGENT])
def test_two_workers_that_plan_at_once_tell_it_once(
    postgres_engine: Engine, vault: Vault, priority: Priority
) -> None:
    """Neither sees what the other has not committed, so the second one waits for its turn."""
    sessions, policy = make_sessions(postgres_engine), Policy(36_500)
    try:
        prepared(sessions, vault, GAP)
        with sessions.begin() as session:
            due = [fire_next(session, GAP_ENDS, keeps_quiet=False) for _ in range(2)]
            session.execute(update(Run).values(priority=priority))
        (first, at), (second, _) = (each for each in due if each is not None)
        with standing_at(at), sessions.begin() as session:
            await_turn(session, first)
            Planner(session, session.get_one(Run, first), policy).plan_chunk(100)
            other = threading.Thread(target=fan_out, args=(sessions, second), kwargs={"policy": policy})
            other.start()
            other.join(0.3)
            session.commit()
            other.join(5)
        assert list(due_times(sessions).values()) == [2]
        assert merged(sessions) == [2]
    finally:
        empty_tables(postgres_engine)


@pytest.mark.both_databases
def test_draft_in_one_more_language_makes_no_other_message(sessions: sessionmaker[Session], vault: Vault) -> None:
    story = prepared(sessions, vault, GAP)
    with sessions.begin() as session:
        (first, _) = fire_next(session, GAP_ENDS, keeps_quiet=False) or (0, None)
    fan_out(sessions, first, policy=Policy(36_500))
    with sessions.begin() as session:
        message = session.get_one(Campaign, story.campaign.id).message
        draft = "Păstrați pașaportul."
        save_translation(session, message, language="ro", text=draft, by=story.author.id, is_draft=True)
    fire_until(sessions, GAP_ENDS, keeps_quiet=False)
    assert list(due_times(sessions).values()) == [2]
    assert merged(sessions) == [2]


def test_stopped_run_lets_the_next_one_tell_it(sessions: sessionmaker[Session], vault: Vault) -> None:
    story = prepared(sessions, vault, HOURLY)
    eight = datetime(2026, 3, 2, 19, 0, tzinfo=START.tzinfo)
    fire_until(sessions, eight)
    with sessions.begin() as session:
        last = session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()
        stop_run(session, last, by=story.author.id)
    before = sum(due_times(sessions).values())
    fire_until(sessions, eight + timedelta(hours=1))
    assert sum(due_times(sessions).values()) == before + 2


EIGHT = datetime(2026, 3, 2, 19, 0, tzinfo=START.tzinfo)


def last_run(session: Session) -> Run:
    return session.scalars(select(Run).order_by(Run.id.desc()).limit(1)).one()


def test_paused_run_lets_the_next_one_tell_it(sessions: sessionmaker[Session], vault: Vault) -> None:
    """What waits in it may never be sent, and then nobody would be told."""
    prepared(sessions, vault, HOURLY)
    fire_until(sessions, EIGHT)
    with sessions.begin() as session:
        last_run(session).state = RunState.PAUSED
    before = sum(due_times(sessions).values())
    fire_until(sessions, EIGHT + timedelta(hours=1))
    assert sum(due_times(sessions).values()) == before + 2


@pytest.mark.parametrize("state", [RunState.PAUSED, RunState.STOPPED])
def test_who_was_called_by_a_run_that_halted_is_not_called_again(
    sessions: sessionmaker[Session], vault: Vault, state: RunState
) -> None:
    prepared(sessions, vault, HOURLY)
    fire_until(sessions, EIGHT)
    with sessions.begin() as session:
        halted = last_run(session)
        one = session.scalars(select(Delivery).where(Delivery.run_id == halted.id).limit(1)).one()
        one.send_state, halted.state = SendState.UNKNOWN, state
    before = sum(due_times(sessions).values())
    fire_until(sessions, EIGHT + timedelta(hours=1))
    assert sum(due_times(sessions).values()) == before + 1


def test_run_that_halts_afterwards_rings_over_both(sessions: sessionmaker[Session], vault: Vault) -> None:
    story = prepared(sessions, vault, HOURLY)
    fire_until(sessions, EIGHT + timedelta(hours=1))
    with sessions() as session:
        relied_on, later = session.scalars(select(Run).order_by(Run.id.desc()).limit(2)).all()[::-1]

        def untold() -> list[int]:
            session.flush()
            return [
                count_untold(session, run, count_run(session, run.id, now=EIGHT)) for run in (relied_on, later)
            ]

        assert untold() == [0, 0]
        relied_on.state = RunState.PAUSED
        assert untold() == [2, 2]
        stop_run(session, relied_on, by=story.author.id)
        cancel_queued(session, relied_on.id)
        assert untold() == [2, 2]
        later.state = RunState.STOPPED
        assert untold() == [0, 0]


@pytest.mark.both_databases
def test_run_that_halts_when_all_were_told_rings_over_nobody(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    prepared(sessions, vault, HOURLY)
    fire_until(sessions, EIGHT + timedelta(hours=1))
    with sessions() as session:
        relied_on, later = session.scalars(select(Run).order_by(Run.id.desc()).limit(2)).all()[::-1]
        sent = update(Delivery).where(Delivery.run_id == relied_on.id)
        session.execute(sent.values(send_state=SendState.ACCEPTED))
        relied_on.state = RunState.STOPPED
        session.flush()
        for run in (relied_on, later):
            assert count_untold(session, run, count_run(session, run.id, now=EIGHT)) == 0


@pytest.mark.both_databases
@pytest.mark.parametrize(("version", "people"), [(1, 2), (2, 4)])
def test_other_words_are_another_message(
    sessions: sessionmaker[Session], vault: Vault, version: int, people: int
) -> None:
    """What was changed between two occurrences of a night is told as well."""
    prepared(sessions, vault, HOURLY)
    nine = datetime(2026, 3, 3, 8, 0, tzinfo=START.tzinfo)
    fire_until(sessions, nine - timedelta(hours=12))
    with sessions.begin() as session:
        for run in session.scalars(select(Run)):
            run.message_version = version
    fire_until(sessions, nine - timedelta(hours=11))
    assert due_times(sessions)[nine] == people
