"""Whoever is on duty hears by mail, once, that an urgent campaign is under way, and nothing of what it says."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from sqlalchemy import select, update

from campaigns.core import clock
from campaigns.core.errors import UnavailableError
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.escalation.member_mails import AT_ONCE, send_mails
from campaigns.inbox.escalation.models import EscalationSwitch, PostState, StepMail
from campaigns.inbox.escalation.trying_again import claim_again
from campaigns.inbox.urgency.levels import Urgency
from campaigns.planning.models import Priority, Run, RunState
from campaigns.staff.models import Organisation, Role
from tests.factories import NOON, a_campaign, a_member, a_run
from tests.inbox.escalation.watch import MINUTE, Watch

TOLD = [("duty", "An urgent campaign is under way")]


def send_one(watch: Watch, **changes: object) -> int:
    """Begin an urgent run of the organisation."""
    with watch.sessions.begin() as session:
        ours = session.get_one(Organisation, watch.organisation.id)
        campaign = a_campaign(session, ours, a_member(session, ours))
        values = {"state": RunState.RUNNING, "priority": Priority.URGENT} | changes
        return a_run(session, campaign, **values).id


def test_whoever_is_on_duty_is_told_once(watch: Watch) -> None:
    send_one(watch)
    assert [watch.pass_on(), watch.pass_on()] == [TOLD, []]


def test_mail_says_nothing_of_the_message(watch: Watch) -> None:
    send_one(watch)
    with clock.running_on(lambda: NOON):
        send_mails(watch.sessions, watch.settings, watch.post)
    (mail,) = watch.post.mails
    assert mail.get_content().splitlines() == [
        "An urgent campaign is under way",
        "",
        f"Organisation: {watch.organisation.name}",
        "",
        f"Many may answer soon. Sign in to read and answer: {watch.settings.public_url}/inbox",
    ]


@pytest.mark.one_database
@pytest.mark.parametrize(
    "changes",
    [{"priority": Priority.ORDINARY}, {"state": RunState.DONE}, {"is_rehearsal": True, "schedule_id": None}],
)
def test_of_other_runs_nobody_is_told(watch: Watch, changes: dict[str, object]) -> None:
    send_one(watch, **changes)
    assert watch.pass_on() == []


@pytest.mark.one_database
def test_nobody_is_told_where_mails_are_not_switched_on(watch: Watch) -> None:
    send_one(watch)
    with watch.sessions.begin() as session:
        session.execute(update(EscalationSwitch).values(is_on=False))
    assert watch.pass_on() == []


@pytest.mark.one_database
def test_mail_that_is_not_taken_is_tried_after_a_pause_while_the_run_is_under_way(watch: Watch) -> None:
    run_id, watch.post.is_down = send_one(watch), True
    assert watch.pass_on() == []
    watch.post.is_down = False
    assert [watch.pass_on(0.1), watch.pass_on(1)] == [[], TOLD]
    watch.post.is_down = True
    send_one(watch)
    watch.pass_on()
    with watch.sessions.begin() as session:
        session.execute(update(Run).where(Run.id > run_id).values(state=RunState.DONE))
    watch.post.is_down = False
    assert watch.pass_on(10) == []


class Killed(BaseException):
    """The worker is gone."""


def test_mail_that_a_worker_left_behind_is_sent(watch: Watch) -> None:
    def kill(message: EmailMessage) -> None:
        raise Killed

    send_one(watch)
    with clock.running_on(lambda: NOON), pytest.raises(Killed):
        send_mails(watch.sessions, watch.settings, kill)
    assert [watch.pass_on(), watch.pass_on(2)] == [[], TOLD]
    with watch.sessions() as session:
        assert session.scalars(select(StepMail.state)).all() == [PostState.SENT]


@pytest.mark.one_database
def test_server_that_is_away_is_not_asked_for_each_member(watch: Watch) -> None:
    """Nine on duty would be nine waits for one server, and people who wait stand behind them."""
    asked: list[str] = []

    def fail(message: EmailMessage) -> None:
        asked.append(message["To"])
        raise UnavailableError("no")

    with watch.sessions.begin() as session:
        ours = session.get_one(Organisation, watch.organisation.id)
        many = [a_member(session, ours, Role.RESPONDER).id for _ in range(AT_ONCE)]
        planned = PlannedDuty("All", range(7), 0, 0, (), many, None, [])
        add_duty(session, ours.id, planned, by=a_member(session, ours, Role.ADMIN).id)
    send_one(watch)
    with clock.running_on(lambda: NOON):
        send_mails(watch.sessions, watch.settings, fail)
    assert len(asked) == AT_ONCE


@pytest.mark.one_database
def test_it_makes_no_pause_for_those_who_wait_and_leaves_room_for_danger(watch: Watch) -> None:
    send_one(watch)
    assert watch.pass_on() == TOLD
    watch.wait(Urgency.DAY)
    assert [subject for _, subject in watch.pass_on(1)] == ["1 conversation waits"]
    for _ in range(4):
        send_one(watch)
        watch.pass_on(1)
    watch.wait()
    assert ("duty", "1 urgent conversation") in watch.pass_on(1)


@pytest.mark.one_database
def test_however_many_runs_are_told_of_a_mail_is_left_for_those_who_wait(watch: Watch) -> None:
    for _ in range(3):
        send_one(watch)
        watch.pass_on()
    watch.wait(Urgency.DAY)
    assert [subject for _, subject in watch.pass_on(1)] == ["1 conversation waits"]


@pytest.mark.one_database
def test_danger_is_told_of_first_when_mails_are_tried_again(watch: Watch) -> None:
    watch.post.is_down = True
    send_one(watch)
    watch.pass_on()
    watch.wait()
    watch.pass_on(0.5)
    with watch.sessions.begin() as session:
        later = watch.now + 10 * MINUTE
        tried = [mail.urgency for mail, _ in claim_again(session, later, most=AT_ONCE)]
    assert tried == sorted(tried, reverse=True)
    assert tried[0] == Urgency.DANGER
    assert Urgency.DAY in tried
