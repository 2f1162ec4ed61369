"""Members on whom an offer waits are told, as second ones and as receivers: by mail, and on every page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.models import Team, TeamMember
from campaigns.inbox.escalation import offer_mails
from campaigns.inbox.escalation.models import EscalationSwitch
from campaigns.inbox.handing_over import overriding, service
from campaigns.inbox.handing_over.models import HandOver, Override
from campaigns.inbox.handing_over.service import Extract
from campaigns.inbox.handing_over.within import Target, offer_within
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member, Membership, Role
from tests.factories import a_member, a_sender, an_organisation
from tests.inbox.builders import OURS
from tests.inbox.conversations.test_pages import hear
from tests.inbox.escalation.watch import Watch
from tests.web.pages import Pages

pytestmark = pytest.mark.one_database

WAITS = "1 conversation waits for a second member to agree"
OFFERED = "1 conversation is offered to you"


def propose(watch: Watch, vault: Vault, urgency: Urgency = Urgency.DANGER) -> int:
    """Let the member on duty pass on somebody who does not wait, and was not asked."""
    which = watch.wait(urgency)
    watch.answer()
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        partner = an_organisation(session, slug=f"partner-{which}")
        a_member(session, partner, Role.RESPONDER, email=f"partner-{which}@example.org")
        by = session.scalars(select(Member.id).where(Member.name == "duty")).one()
        told = Extract(partner.id, "Two people need a bed.", override=Override.LIFE)
        return service.offer(session, session.get_one(Conversation, which), told, by=by, vault=vault).id


def agree(watch: Watch, which: int) -> None:
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        by = session.scalars(select(Member.id).where(Member.name == "other")).one()
        overriding.agree(session, session.get_one(HandOver, which), by=by)


@pytest.mark.both_databases
@pytest.mark.parametrize("urgency", [Urgency.DANGER, Urgency.QUESTION])
def test_all_who_may_agree_are_told_once_and_without_content(watch: Watch, vault: Vault, urgency: Urgency) -> None:
    propose(watch, vault, urgency)
    watch.pass_on(keep=True)
    assert watch.post.mails[0].get_content().splitlines() == [
        WAITS,
        "",
        f"Organisation: {watch.organisation.name}",
        "",
        f"Sign in to read it and to decide: {watch.settings.public_url}/inbox/handed-over",
    ]
    assert watch.post.take() == [(name, WAITS) for name in ("lead", "other", "reserve")]
    assert watch.pass_on(30) == []


def test_nobody_is_told_of_what_is_decided_or_too_late(watch: Watch, vault: Vault) -> None:
    agree(watch, propose(watch, vault))
    propose(watch, vault)
    assert watch.pass_on(61) == []


def set_roles(watch: Watch, name: str, *roles: Role) -> None:
    with watch.sessions.begin() as session:
        theirs = select(Membership).join(Member).where(Member.name == name)
        session.scalars(theirs).one().roles = list(roles)


def test_whoever_may_agree_no_more_is_not_told_and_whoever_may_since_is(watch: Watch, vault: Vault) -> None:
    with watch.sessions.begin() as session:
        a_member(session, watch.organisation, Role.VIEWER, name="late", email="late@example.org")
    propose(watch, vault)
    assert offer_mails.ask_deciders(watch.sessions, now=watch.now) == 1
    set_roles(watch, "other", Role.VIEWER)
    set_roles(watch, "late", Role.RESPONDER)
    assert watch.pass_on() == [(name, WAITS) for name in ("late", "lead", "reserve")]
    assert watch.pass_on(30) == []


@pytest.mark.both_databases
def test_offers_to_which_nobody_may_agree_keep_no_other_back(
    watch: Watch, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offer_mails, "MOST_AT_ONCE", 1)
    for name in ("lead", "other", "reserve"):
        set_roles(watch, name, Role.VIEWER)
    propose(watch, vault)
    watch.pass_on()
    with watch.sessions.begin() as session:
        by = session.scalars(select(Member.id).where(Member.name == "other")).one()
    set_roles(watch, "other", Role.RESPONDER)
    which = propose(watch, vault)
    with watch.sessions.begin() as session:
        # To the first one nobody else may agree, for "other" made it.
        session.get_one(HandOver, which - 1).offered_by_id = by
        session.execute(update(Membership).where(Membership.member_id != by).values(roles=[Role.VIEWER]))
    assert watch.pass_on(2) == [("other", WAITS)]


def test_nobody_is_told_by_mail_while_it_is_switched_off(watch: Watch, vault: Vault) -> None:
    with watch.sessions.begin() as session:
        session.execute(update(EscalationSwitch).values(is_on=False))
    propose(watch, vault)
    assert watch.pass_on() == []


def test_mail_that_was_not_taken_is_tried_again_until_somebody_agrees(watch: Watch, vault: Vault) -> None:
    watch.post.is_down = True
    which = propose(watch, vault)
    assert watch.pass_on() == watch.pass_on(2) == []
    watch.post.is_down = False
    assert watch.pass_on(2) == [(name, WAITS) for name in ("lead", "other", "reserve")]
    watch.post.is_down = True
    propose(watch, vault)
    watch.pass_on()
    agree(watch, which)
    agree(watch, which + 1)
    watch.post.is_down = False
    assert watch.pass_on(2) == []


def test_mails_keep_to_the_most_of_an_hour(watch: Watch, vault: Vault) -> None:
    told = []
    for _offer in range(8):
        propose(watch, vault)
        told += watch.pass_on(2)
    assert max(sum(name == to for to, _subject in told) for name in ("lead", "other", "reserve")) == 6


def test_every_page_and_the_first_tell_whoever_may_agree(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)
    which, by = hear(pages, vault, "Where can we sleep?"), pages.member(Role.RESPONDER)
    pages.member(Role.RESPONDER, organisation=pages.theirs)
    second = pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        told = Extract(pages.theirs.id, "Two people need a bed.", override=Override.LIFE)
        offer = service.offer(session, session.get_one(Conversation, which), told, by=by.id, vault=vault)
        due, offered = offer.due_at, offer.id
    client = pages.client(second)
    for path, times in (("/reach", 1), ("/", 2), ("/inbox/alerts", 1)):
        page = client.get(path).text
        assert page.count(f'<a href="/inbox/handed-over">{WAITS}</a>') == times
        assert "Two people" not in page
    for member in (by, pages.member(Role.ADMIN)):
        assert WAITS not in pages.client(member).get("/").text
    with pages.sessions.begin() as session:
        session.get_one(HandOver, offered).due_at = clock.now() - timedelta(seconds=1)
    assert WAITS not in client.get("/").text
    assert due > clock.now()


def offer(watch: Watch, vault: Vault, urgency: Urgency = Urgency.DANGER, *, is_on: bool = True) -> int:
    """Let the member on duty offer somebody to a partner, whose members are told by mail where that is on."""
    which = watch.wait(urgency)
    watch.answer()
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        partner = an_organisation(session, slug=f"partner-{which}", name="Haven")
        for name, role in (("partner", Role.RESPONDER), ("viewer", Role.VIEWER)):
            a_member(session, partner, role, email=f"{name}-{which}@example.org")
        session.add(EscalationSwitch(organisation_id=partner.id, is_on=is_on, wrong_codes=0))
        by = session.scalars(select(Member.id).where(Member.name == "duty")).one()
        told = Extract(partner.id, "Two people need a bed.", "Yes.")
        return service.offer(session, session.get_one(Conversation, which), told, by=by, vault=vault).id


@pytest.mark.both_databases
@pytest.mark.parametrize("urgency", [Urgency.DANGER, Urgency.QUESTION])
def test_receivers_are_told_once_and_without_content(watch: Watch, vault: Vault, urgency: Urgency) -> None:
    which = offer(watch, vault, urgency)
    watch.pass_on(keep=True)
    assert watch.post.mails[0].get_content().splitlines() == [
        OFFERED,
        "",
        "Organisation: Haven",
        "",
        f"Sign in to read it and to decide: {watch.settings.public_url}/inbox/handed-over",
    ]
    assert watch.post.take() == [(f"partner-{which}", OFFERED)]
    assert watch.pass_on(30) == []


def test_receiver_is_told_once_the_second_member_agreed(watch: Watch, vault: Vault) -> None:
    which = propose(watch, vault)
    with watch.sessions.begin() as session:
        receiver_id = session.get_one(HandOver, which).receiver_id
        session.add(EscalationSwitch(organisation_id=receiver_id, is_on=True, wrong_codes=0))
    assert {subject for _to, subject in watch.pass_on()} == {WAITS}
    agree(watch, which)
    assert [subject for _to, subject in watch.pass_on(2)] == [OFFERED]
    assert watch.pass_on(2) == []


def test_receiver_is_not_told_of_what_is_over_or_by_mail_that_is_off(watch: Watch, vault: Vault) -> None:
    offer(watch, vault, is_on=False)
    which = offer(watch, vault)
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        service.take_back(
            session, session.get_one(HandOver, which), by=session.get_one(HandOver, which).offered_by_id
        )
    assert watch.pass_on() == watch.pass_on(30) == []


@pytest.mark.both_databases
def test_offer_within_is_told_to_whom_it_is_made(watch: Watch, vault: Vault) -> None:
    which = watch.wait(Urgency.DANGER)
    watch.answer()
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        ids = {
            name: session.scalars(select(Member.id).where(Member.name == name)).one() for name in ("duty", "lead")
        }
        conversation = session.get_one(Conversation, which)
        offer_within(session, conversation, Target(member_id=ids["lead"]), "I leave.", by=ids["duty"], vault=vault)
    assert watch.pass_on() == [("lead", OFFERED)]
    which = watch.wait(Urgency.DANGER)
    watch.answer()
    with watch.sessions.begin() as session, clock.running_on(lambda: watch.now):
        members = select(Member.id).where(Member.name.in_(["duty", "other", "reserve"]))
        team = Team(organisation_id=watch.organisation.id, name="Night", created_at=watch.now)
        session.add(team)
        session.flush()
        session.add_all(TeamMember(team_id=team.id, member_id=each) for each in session.scalars(members))
        session.flush()
        conversation = session.get_one(Conversation, which)
        offer_within(session, conversation, Target(team_id=team.id), "I leave.", by=ids["duty"], vault=vault)
    assert watch.pass_on() == [("other", OFFERED), ("reserve", OFFERED)]


def test_every_page_and_the_first_tell_the_receiver(pages: Pages, vault: Vault) -> None:
    with pages.sessions.begin() as session:
        a_sender(session, organisation_id=pages.ours.id, identity=OURS)
    which, by = hear(pages, vault, "Where can we sleep?"), pages.member(Role.RESPONDER)
    receiver = pages.member(Role.RESPONDER, organisation=pages.theirs)
    with pages.sessions.begin() as session:
        told = Extract(pages.theirs.id, "Two people need a bed.", "Yes.")
        made = service.offer(session, session.get_one(Conversation, which), told, by=by.id, vault=vault).id
    client = pages.client(receiver)
    for path, times in (("/reach", 1), ("/", 2)):
        assert client.get(path).text.count(f'<a href="/inbox/handed-over">{OFFERED}</a>') == times
    for member in (by, pages.member(Role.VIEWER, organisation=pages.theirs)):
        assert OFFERED not in pages.client(member).get("/").text
    with pages.sessions.begin() as session:
        service.accept(session, session.get_one(HandOver, made), by=receiver.id)
    assert OFFERED not in client.get("/").text
