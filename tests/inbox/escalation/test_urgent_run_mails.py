"""Whoever is on duty hears by mail, once, that an urgent message is being sent, and nothing of what it says."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from campaigns.core import clock
from campaigns.inbox.escalation.models import EscalationSwitch, UrgentRunTold
from campaigns.inbox.escalation.urgent_run_mails import send_urgent_run_mails
from campaigns.planning.models import Priority, RunState
from campaigns.staff.models import Organisation
from tests.factories import NOON, a_campaign, a_member, a_run
from tests.inbox.escalation.watch import Watch

TOLD = [("duty", "An urgent message is being sent")]


def send_one(watch: Watch, **changes: object) -> int:
    """Begin an urgent run of the organisation."""
    with watch.sessions.begin() as session:
        ours = session.get_one(Organisation, watch.organisation.id)
        campaign = a_campaign(session, ours, a_member(session, ours))
        values = {"state": RunState.RUNNING, "priority": Priority.URGENT} | changes
        return a_run(session, campaign, **values).id


def told(watch: Watch) -> list[tuple[str, str]]:
    with clock.running_on(lambda: NOON):
        send_urgent_run_mails(watch.sessions, watch.settings, watch.post)
    return watch.post.take()


def test_whoever_is_on_duty_is_told_once(watch: Watch) -> None:
    send_one(watch)
    assert [told(watch), told(watch)] == [TOLD, []]


def test_mail_says_nothing_of_the_message(watch: Watch) -> None:
    send_one(watch)
    with clock.running_on(lambda: NOON):
        send_urgent_run_mails(watch.sessions, watch.settings, watch.post)
    (mail,) = watch.post.mails
    assert mail.get_content().splitlines() == [
        "An urgent message is being sent",
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
    assert told(watch) == []


@pytest.mark.one_database
def test_nobody_is_told_where_mails_are_not_switched_on(watch: Watch) -> None:
    send_one(watch)
    with watch.sessions.begin() as session:
        session.execute(update(EscalationSwitch).values(is_on=False))
    assert told(watch) == []


@pytest.mark.one_database
def test_mail_that_is_not_taken_is_tried_again(watch: Watch) -> None:
    run_id, watch.post.is_down = send_one(watch), True
    assert told(watch) == []
    watch.post.is_down = False
    assert told(watch) == TOLD
    with watch.sessions() as session:
        assert session.scalars(select(UrgentRunTold.run_id)).all() == [run_id]
