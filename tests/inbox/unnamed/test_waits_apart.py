"""Members hear of each wait of a report, though only the hour is kept of when its writer came back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import Settings
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import Conversation, Outcome, UnnamedReport
from campaigns.inbox.conversations.wait import began_at
from campaigns.inbox.duty.targets import Step
from campaigns.inbox.escalation.escalate import take_steps
from campaigns.inbox.unnamed.service import Told, add_to, begin_report
from campaigns.messages.help_numbers import KnownHelp
from campaigns.staff.models import Member, Organisation
from tests.factories import a_member, an_organisation
from tests.moments import standing_at
from tests.web.pages import page_settings

pytestmark = pytest.mark.one_database

HOUR = datetime(2031, 5, 6, 10, tzinfo=UTC)
QUESTION, DOCTOR, DANGER = "Where do women sleep?", "we need a doctor today", "I am locked in and they beat me"


@dataclass
class Desk:
    """A member who sees to one report, at minutes after an hour."""

    session: Session
    settings: Settings
    vault: Vault
    ours: Organisation
    member: Member

    def tells(self, text: str, at: float) -> None:
        with standing_at(HOUR + timedelta(minutes=at)):
            report = self.session.scalars(select(UnnamedReport)).one_or_none()
            if report is None:
                begin_report(self.session, Told(self.ours.id, text, "en", True), vault=self.vault)
            else:
                add_to(self.session, report, text, vault=self.vault)

    def looks(self, at: float) -> list[str]:
        """Return the steps that a worker takes at a minute."""
        now = HOUR + timedelta(minutes=at)
        with standing_at(now):
            return [Step(each.step) for each in take_steps(self.session, self.ours, self.settings, now=now)]

    @property
    def conversation(self) -> Conversation:
        return self.session.scalars(select(Conversation)).one()

    def close(self, at: float) -> None:
        with standing_at(HOUR + timedelta(minutes=at)):
            seen = conversations.seen_now(self.session, self.conversation)
            by = self.member.id
            conversations.close(self.session, self.conversation, Outcome.INFORMED, by=by, seen=seen)

    def put_off(self, at: float, *, minutes: float = 24 * 60) -> None:
        with standing_at(HOUR + timedelta(minutes=at)):
            until = clock.now() + timedelta(minutes=minutes)
            conversations.snooze(self.session, self.conversation, by=self.member.id, until=until)

    def answer(self, at: float) -> None:
        with standing_at(HOUR + timedelta(minutes=at)):
            seen, known = conversations.seen_now(self.session, self.conversation), KnownHelp([], {}, 180)
            by, vault = self.member.id, self.vault
            conversations.answer(
                self.session, self.conversation, "We come.", by=by, seen=seen, vault=vault, known=known
            )


@pytest.fixture
def desk(session: Session, engine: Engine, vault: Vault) -> Desk:
    ours = an_organisation(session)
    return Desk(session, page_settings(engine), vault, ours, a_member(session, ours))


@pytest.mark.parametrize("text", [QUESTION, DOCTOR, DANGER])
@pytest.mark.parametrize("back", [8, 40])
@pytest.mark.parametrize("end", [Desk.close, Desk.put_off, Desk.answer])
def test_who_comes_back_in_the_same_hour_is_told_of_anew(
    desk: Desk, end: Callable[[Desk, float], None], back: float, text: str
) -> None:
    desk.tells(text, 5)
    assert desk.looks(6) == [Step.ALERT]
    end(desk, 7)
    desk.tells(text, back)
    assert desk.looks(back + 1) == [Step.ALERT]
    desk.close(back + 2)
    desk.tells(text, back + 3)
    assert desk.looks(back + 4) == [Step.ALERT]


def test_who_writes_on_while_they_wait_is_told_of_once(desk: Desk) -> None:
    desk.tells(DOCTOR, 5)
    assert desk.looks(6) == [Step.ALERT]
    desk.tells(QUESTION, 8)
    desk.tells(DOCTOR, 40)
    assert desk.looks(41) == []


def test_what_was_put_off_and_waits_again_goes_on(desk: Desk) -> None:
    desk.tells(DOCTOR, 5)
    assert desk.looks(6) == [Step.ALERT]
    desk.put_off(7, minutes=20)
    assert desk.looks(28) == [Step.ALERT]
    desk.tells(DOCTOR, 40)
    assert desk.looks(41) == []


@pytest.mark.parametrize(("before", "then"), [(QUESTION, DOCTOR), (QUESTION, DANGER), (DOCTOR, DANGER)])
def test_who_turns_out_to_be_in_more_need_within_minutes_is_told_of_anew(
    desk: Desk, before: str, then: str
) -> None:
    desk.tells(before, 1)
    assert desk.looks(2) == [Step.ALERT]
    desk.tells(then, 3)
    assert desk.looks(4) == [Step.ALERT]


def test_minute_at_which_they_came_back_is_kept_nowhere(desk: Desk) -> None:
    desk.tells(DOCTOR, 5)
    desk.close(7)
    desk.tells(DOCTOR, 41)
    assert (began_at(desk.conversation) or clock.now()) < HOUR + timedelta(minutes=8)
    desk.put_off(43)
    desk.tells(DOCTOR, 52)
    assert (began_at(desk.conversation) or clock.now()) < HOUR + timedelta(minutes=8)
