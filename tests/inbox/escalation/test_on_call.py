"""A partner that agreed is told how many wait when nobody answers, and nothing of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError
from campaigns.inbox.escalation import on_call
from campaigns.inbox.escalation.models import EscalationSwitch, OnCall
from campaigns.inbox.escalation.waits import find_unreached
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import AuditEntry, Organisation, Role
from tests.factories import a_member, an_organisation
from tests.inbox.escalation.waiting import a_conversation
from tests.inbox.escalation.watch import Watch
from tests.web.pages import Pages

Clients = Callable[..., FlaskClient]
ONE = "1 urgent conversation"
TEAM = [("lead", ONE), ("reserve", ONE)]


def a_partner(watch: Watch, *, agrees: bool = True, has_mail: bool = True) -> Organisation:
    with watch.sessions.begin() as session:
        partner = an_organisation(session, name="Other")
        who = a_member(session, partner, Role.RESPONDER, email="partner@example.org")
        a_member(session, partner, Role.VIEWER, email="viewer@example.org")
        session.add(EscalationSwitch(organisation_id=partner.id, is_on=has_mail, wrong_codes=0))
        on_call.ask(session, watch.organisation.id, partner.id, by=who.id)
        if agrees:
            on_call.agree(session, partner.id, watch.organisation.id, by=who.id)
        return partner


@pytest.mark.one_database
def test_partner_is_told_with_the_lead(watch: Watch) -> None:
    a_partner(watch)
    watch.wait()
    assert "partner" not in dict([*watch.pass_on(), *watch.pass_on(15)])
    watch.pass_on(15, keep=True)
    told = next(mail for mail in watch.post.mails if mail["To"] == "partner@example.org")
    assert told["Subject"] == ONE
    assert told.get_content().splitlines() == [
        f"1 urgent conversation waits at {watch.organisation.name}, and nobody answers.",
        "",
        f"You agreed to be on call. They may offer it to you: {watch.settings.public_url}/inbox/handed-over",
    ]
    assert watch.post.take() == [*TEAM[:1], ("partner", ONE), *TEAM[1:]]


@pytest.mark.one_database
@pytest.mark.parametrize("facts", [{"agrees": False}, {"has_mail": False}])
def test_partner_that_did_not_agree_or_has_no_mail_gets_none(watch: Watch, facts: dict[str, bool]) -> None:
    a_partner(watch, **facts)
    watch.wait()
    watch.pass_on(15)
    assert watch.pass_on(15) == TEAM


@pytest.mark.one_database
def test_partner_that_ended_it_is_told_nothing(watch: Watch) -> None:
    partner = a_partner(watch)
    with watch.sessions.begin() as session:
        on_call.refuse(session, partner.id, watch.organisation.id, by=a_member(session, partner).id)
    watch.wait()
    watch.pass_on(15)
    assert watch.pass_on(15) == TEAM


@pytest.mark.one_database
def test_partner_is_told_of_danger_alone(watch: Watch) -> None:
    a_partner(watch)
    for urgency in (Urgency.DAY, Urgency.QUESTION, Urgency.REPORT):
        watch.wait(urgency)
    told = {to for days in range(8) for to, _subject in watch.pass_on(days * 24 * 60)}
    assert "lead" in told
    assert "partner" not in told


@pytest.mark.one_database
def test_names_of_its_members_stay_with_the_partner(watch: Watch) -> None:
    partner = a_partner(watch)
    watch.post.refused = {"partner@example.org"}
    watch.wait()
    watch.pass_on(30)
    with watch.sessions() as session:
        assert find_unreached(session, watch.organisation.id, now=watch.now) == []
        assert len(find_unreached(session, partner.id, now=watch.now)) == 1


def test_pages_of_the_partner_tell_how_many_wait(pages: Pages) -> None:
    responder, viewer = pages.member(Role.RESPONDER), pages.member(Role.VIEWER)
    with pages.sessions.begin() as session:
        for minutes in (29, 31):
            a_conversation(session, pages.theirs, since=clock.now() - timedelta(minutes=minutes))
        on_call.ask(session, pages.theirs.id, pages.ours.id, by=responder.id)
    client = pages.client(responder)
    assert "urgent" not in client.get("/inbox/alerts").text
    with pages.sessions.begin() as session:
        on_call.agree(session, pages.ours.id, pages.theirs.id, by=responder.id)
    told = client.get("/").text
    assert "1 urgent conversation waits at Theirs" in told
    assert "/inbox/handed-over" in told
    assert "urgent" not in pages.client(viewer).get("/inbox/alerts").text


def test_strip_of_the_partner_is_red_after_an_hour_by_the_clock(pages: Pages) -> None:
    """Should no worker live that writes the step down."""
    responder = pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        a_conversation(session, pages.theirs, since=clock.now() - timedelta(minutes=61))
        on_call.ask(session, pages.theirs.id, pages.ours.id, by=responder.id)
        on_call.agree(session, pages.ours.id, pages.theirs.id, by=responder.id)
    assert "alert-strip is-red" in pages.client(responder).get("/inbox/alerts").text


def test_administrators_ask_agree_and_end_it(pages: Pages, client_for: Clients) -> None:
    admin, page = client_for(Role.ADMIN), "/settings/escalation"
    theirs = pages.client(pages.member(Role.ADMIN, organisation=pages.theirs))
    admin.post(f"{page}/on-call", data={"partner": str(pages.theirs.id)})
    assert "Theirs is asked, and has not agreed yet." in admin.get(page).text
    assert "Ours asks you to be on call." in theirs.get(page).text
    theirs.post(f"{page}/on-call/answer", data={"organisation": str(pages.ours.id), "agreed": "1"})
    assert "Theirs is on call." in admin.get(page).text
    assert "they see it on their pages only" in admin.get(page).text
    theirs.post(f"{page}/on-call/answer", data={"organisation": str(pages.ours.id), "agreed": "0"})
    assert "Theirs is on call." not in admin.get(page).text
    answer = theirs.post(
        f"{page}/on-call/answer", data={"organisation": str(pages.ours.id), "agreed": "1"}, follow_redirects=True
    )
    assert "This organisation does not ask you to be on call any more." in answer.text
    with pages.sessions() as session:
        acts = select(AuditEntry.action).where(AuditEntry.subject_type == "on_call").order_by(AuditEntry.id)
        assert [each.partition(".")[2] for each in session.scalars(acts)] == ["ask", "agree", "end"]
        assert session.scalars(select(OnCall)).all() == []


def test_another_partner_has_to_agree_anew(session: Session) -> None:
    ours, first, second = (an_organisation(session) for _ in range(3))
    by = a_member(session, ours).id
    on_call.ask(session, ours.id, first.id, by=by)
    on_call.agree(session, first.id, ours.id, by=by)
    # Asked once more, it goes on.
    on_call.ask(session, ours.id, first.id, by=by)
    assert on_call.find_partner(session, ours.id) == first
    on_call.ask(session, ours.id, second.id, by=by)
    assert on_call.find_partner(session, ours.id) is None
    with pytest.raises(NotFoundError):
        on_call.agree(session, first.id, ours.id, by=by)
    on_call.withdraw(session, ours.id, by=by)
    with pytest.raises(NotFoundError):
        on_call.agree(session, second.id, ours.id, by=by)


def test_nobody_is_on_call_for_themselves(session: Session) -> None:
    ours = an_organisation(session)
    by = a_member(session, ours).id
    with pytest.raises(InputError):
        on_call.ask(session, ours.id, ours.id, by=by)
    with pytest.raises(NotFoundError):
        on_call.ask(session, ours.id, 10**9, by=by)
