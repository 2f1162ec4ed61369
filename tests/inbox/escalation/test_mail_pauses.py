"""Mails become ever more seldom while it is busy, and somebody new in danger is told of at once all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.inbox.escalation.mail_pauses import MOST_AN_HOUR, Earlier, may_get_one
from campaigns.inbox.urgency.levels import Urgency
from tests.factories import NOON
from tests.inbox.escalation.test_member_mails import ONE
from tests.inbox.escalation.watch import MINUTE, Watch

pytestmark = pytest.mark.one_database


def sent(urgency: Urgency, *minutes_ago: int) -> list[Earlier]:
    return [Earlier(urgency, NOON - each * MINUTE, NOON - each * MINUTE) for each in minutes_ago]


def gets_one(urgency: Urgency, earlier: list[Earlier], *, is_news: bool = True) -> bool:
    return may_get_one(urgency, earlier, is_news=is_news, now=NOON)


@pytest.mark.parametrize(
    ("minutes_ago", "pause"),
    [((), 10), ((60,), 20), ((60, 90), 40), ((70, 100, 130), 60), ((150, 200, 250, 300, 350), 120)],
)
def test_digests_are_ever_further_apart(minutes_ago: tuple[int, ...], pause: int) -> None:
    assert not gets_one(Urgency.DAY, sent(Urgency.DAY, pause - 1, *minutes_ago))
    assert gets_one(Urgency.DAY, sent(Urgency.DAY, pause, *minutes_ago))


def test_quiet_hours_make_pauses_short_again() -> None:
    long_ago = range(8 * 60, 16 * 60, 30)
    assert gets_one(Urgency.DAY, sent(Urgency.DAY, 10, *long_ago))


@pytest.mark.parametrize(("is_news", "expected"), [(True, True), (False, False)])
def test_somebody_new_in_danger_is_told_of_at_once_and_no_other(is_news: bool, expected: bool) -> None:
    assert gets_one(Urgency.DANGER, sent(Urgency.DANGER, 1, 2, 3), is_news=is_news) is expected
    assert not gets_one(Urgency.DANGER, sent(Urgency.DANGER, *range(MOST_AN_HOUR)), is_news=is_news)


def test_who_is_told_again_waits_longer_each_time() -> None:
    repeated = {"is_news": False}
    assert gets_one(Urgency.DANGER, sent(Urgency.DANGER, 15), **repeated)
    assert not gets_one(Urgency.DANGER, sent(Urgency.DANGER, 15, 30), **repeated)
    assert gets_one(Urgency.DANGER, sent(Urgency.DANGER, 30, 50), **repeated)


def test_busy_day_of_digests_is_a_handful_of_mails(watch: Watch) -> None:
    told = []
    for _turn in range(8 * 6):
        watch.wait(Urgency.DAY)
        told += watch.pass_on(10)
    # It begins at once, and each digest tells of all who came since.
    assert 6 <= len([to for to, _subject in told if to == "duty"]) <= 8


def test_lead_who_is_busy_is_told_again_with_somebody_new(watch: Watch) -> None:
    for _turn in range(2):
        watch.wait()
        watch.pass_on(15)
        watch.answer()
    watch.wait()
    watch.pass_on()
    assert ("lead", ONE) in watch.pass_on(15)
    # The step of the lead is taken: they know of this one already.
    assert watch.pass_on(15) == []
    assert watch.steps()[-1] == "lead"
    watch.wait()
    watch.pass_on()
    assert ("lead", "2 urgent conversations") in watch.pass_on(15)


def test_mail_that_was_not_taken_told_nobody(watch: Watch) -> None:
    watch.wait()
    watch.post.is_down = True
    watch.pass_on()
    watch.post.is_down = False
    watch.now += timedelta(minutes=1)
    assert ("duty", ONE) in watch.pass_on()
