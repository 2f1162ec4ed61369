"""Each step of a wait is taken once, at its time, whoever looks and however often."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.settings import Settings
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.escalation import escalate as climbing
from campaigns.inbox.escalation.escalate import escalate, take_steps
from campaigns.inbox.escalation.models import EscalationStep
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Organisation
from tests.factories import NOON, an_organisation
from tests.inbox.escalation.waiting import a_conversation
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def settings(engine: Engine) -> Settings:
    return page_settings(engine)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    with clock.running_on(lambda: moment):
        yield


def steps(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(EscalationStep.step).order_by(EscalationStep.id)))


def test_danger_climbs_by_the_clock_and_each_step_is_taken_once(
    sessions: sessionmaker[Session], settings: Settings
) -> None:
    with sessions.begin() as session:
        a_conversation(session, an_organisation(session), since=NOON + 9 * HOUR)
    expected = {0: 1, 14: 0, 15: 1, 16: 0, 30: 1, 59: 0, 60: 1, 600: 0}
    for minutes, taken in expected.items():
        with at(NOON + 9 * HOUR + minutes * MINUTE):
            assert escalate(sessions, settings) == taken, f"after {minutes} minutes"
            assert escalate(sessions, settings) == 0
    assert steps(sessions) == ["alert", "responders", "lead", "red"]


@pytest.mark.parametrize("fails_at", ["_is_due", "take_steps"])
def test_one_organisation_that_fails_holds_up_no_other(
    sessions: sessionmaker[Session], settings: Settings, monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    with sessions.begin() as session:
        broken, whole = an_organisation(session), an_organisation(session)
        a_conversation(session, broken)
        a_conversation(session, whole)
    works = getattr(climbing, fails_at)

    def fail(session: Session, organisation: Organisation, *args: Any, **how: Any) -> Any:
        if organisation.id == broken.id:
            raise ValueError("a roster that nobody can read")
        return works(session, organisation, *args, **how)

    monkeypatch.setattr(climbing, fails_at, fail)
    with at(NOON + MINUTE), pytest.raises(ExceptionGroup) as caught:
        escalate(sessions, settings)
    assert steps(sessions) == ["alert"]
    (error,) = caught.value.exceptions
    assert error.__notes__ == [f"while escalating for organisation {broken.id}"]


def test_worker_that_was_away_takes_all_steps_at_once(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        a_conversation(session, an_organisation(session))
    with at(NOON + 2 * HOUR):
        assert escalate(sessions, settings) == 4
    assert steps(sessions) == ["alert", "responders", "lead", "red"]


def test_two_workers_take_a_step_once(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        ours = an_organisation(session)
        a_conversation(session, ours)
    for expected in (1, 0):
        with sessions.begin() as session:
            assert len(take_steps(session, ours, settings, now=NOON)) == expected


@pytest.mark.both_databases
def test_second_wait_has_steps_of_its_own(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        which = a_conversation(session, an_organisation(session)).id
    with at(NOON):
        escalate(sessions, settings)
    with sessions.begin() as session:
        conversation = session.get_one(Conversation, which)
        conversation.waiting_since = None
    with at(NOON + HOUR):
        assert escalate(sessions, settings) == 0
    with sessions.begin() as session:
        conversation = session.get_one(Conversation, which)
        conversation.waiting_since = conversation.urgent_since = NOON + HOUR
    with at(NOON + HOUR + 15 * MINUTE):
        escalate(sessions, settings)
    assert steps(sessions) == ["alert", "alert", "responders"]


def test_who_was_put_off_waits_from_then_on(sessions: sessionmaker[Session], settings: Settings) -> None:
    with sessions.begin() as session:
        a_conversation(session, an_organisation(session), snoozed_until=NOON + HOUR)
    with at(NOON + HOUR - MINUTE):
        assert escalate(sessions, settings) == 0
    with at(NOON + HOUR + 15 * MINUTE):
        escalate(sessions, settings)
    assert steps(sessions) == ["alert", "responders"]


def test_less_urgent_conversations_wait_for_duty(sessions: sessionmaker[Session], settings: Settings) -> None:
    # Duty is from 8 until 20 in the settings, here by UTC: at 20 there is none until the morning.
    evening = NOON + 8 * HOUR
    with sessions.begin() as session:
        a_conversation(session, an_organisation(session), Urgency.DAY, since=evening)
    for hours, taken in {0: ["alert"], 15: [], 16: ["lead"], 23: [], 24: ["lead_again"]}.items():
        with at(evening + hours * HOUR + timedelta(seconds=2)):
            before = len(steps(sessions))
            escalate(sessions, settings)
            assert steps(sessions)[before:] == taken, f"after {hours} hours"


@pytest.mark.parametrize("urgency", [Urgency.OTHER, Urgency.MACHINE])
def test_nobody_is_woken_by_advertising(
    sessions: sessionmaker[Session], settings: Settings, urgency: Urgency
) -> None:
    with sessions.begin() as session:
        a_conversation(session, an_organisation(session), urgency)
    with at(NOON + 40 * 24 * HOUR):
        assert escalate(sessions, settings) == 0
