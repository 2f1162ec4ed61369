"""After an outage of mail whoever should have heard of somebody who still waits hears of them once."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import func, select, update

from campaigns.inbox.escalation.mail_pauses import MOST_AN_HOUR
from campaigns.inbox.escalation.models import StepMail
from campaigns.staff.models import Member
from tests.inbox.escalation.watch import Watch

pytestmark = pytest.mark.one_database

ONE = "1 urgent conversation"
EVERYBODY = ("duty", "lead", "other", "reserve")


def fail_for_an_hour(watch: Watch, *, waiting: int = 1) -> None:
    """Let the mail server be down while people begin to wait, until every quick try of their mails is over."""
    watch.post.is_down = True
    for _person in range(waiting):
        watch.wait()
        watch.pass_on(0.5)
    for minutes in (0.5, 0.5, 1, 1, 1, 1, 1, 20, 35):
        watch.pass_on(minutes)
    watch.post.is_down = False


def hear(watch: Watch, minutes: int = 10) -> list[tuple[str, str]]:
    return sorted(mail for _minute in range(0, minutes, 2) for mail in watch.pass_on(2))


def test_each_hears_once_of_who_still_waits(watch: Watch) -> None:
    fail_for_an_hour(watch)
    assert watch.steps() == ["alert", "responders", "lead", "red"]
    assert hear(watch) == [(name, ONE) for name in EVERYBODY]
    assert hear(watch) == []


def test_of_many_each_hears_in_few_mails(watch: Watch) -> None:
    fail_for_an_hour(watch, waiting=9)
    heard = hear(watch)
    assert {("lead", "9 urgent conversations"), ("other", "9 urgent conversations")} <= set(heard)
    assert max(Counter(name for name, _subject in heard).values()) == 1
    with watch.sessions() as session:
        # Of mails that nobody got none is left behind which would hold up the next ones.
        assert session.scalar(select(func.count(StepMail.id))) == len(EVERYBODY) <= MOST_AN_HOUR
    watch.wait()
    assert watch.pass_on() == [("duty", ONE)]


def test_of_who_was_answered_meanwhile_nobody_hears(watch: Watch) -> None:
    fail_for_an_hour(watch)
    watch.answer()
    assert hear(watch) == []


def test_who_left_meanwhile_hears_nothing(watch: Watch) -> None:
    fail_for_an_hour(watch)
    with watch.sessions.begin() as session:
        session.execute(update(Member).where(Member.name != "lead").values(active=False))
    assert hear(watch) == [("lead", ONE)]
