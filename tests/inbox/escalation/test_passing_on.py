"""What a member has goes to another one, or to the team, in one act."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.inbox.conversations.models import Conversation, ConversationState, Draft
from campaigns.inbox.duty.models import DutyMember, Part
from campaigns.inbox.duty.service import PlannedDuty, add_duty
from campaigns.inbox.escalation.passing_on import PassedOn, pass_on
from campaigns.members import commands
from campaigns.staff.models import AuditEntry, Member, Organisation, Role
from tests.factories import NOON, a_member, add, an_organisation
from tests.inbox.escalation.waiting import a_conversation
from tests.web.pages import Pages


@dataclass
class Team:
    organisation: Organisation
    leaves: Member
    stays: Member
    #: Of whoever leaves one that waits, one that is answered and one that is closed; and one of the other.
    conversations: list[Conversation]


def a_team(session: Session, ours: Organisation) -> Team:
    leaves, stays = (a_member(session, ours, Role.RESPONDER, name=name) for name in ("Leaves", "Stays"))
    states = (ConversationState.OPEN, ConversationState.ANSWERED, ConversationState.CLOSED, ConversationState.OPEN)
    owners = (leaves, leaves, leaves, stays)
    conversations = [
        a_conversation(session, ours, owner_id=owner.id, state=state)
        for owner, state in zip(owners, states, strict=True)
    ]
    for which, who in ((0, leaves), (1, leaves), (1, stays)):
        facts = {"conversation_id": conversations[which].id, "sealed_text": who.name.encode(), "saved_at": NOON}
        add(session, Draft(member_id=who.id, **facts))
    for name, answering in (("Day", [leaves.id]), ("Night", [leaves.id, stays.id])):
        planned = PlannedDuty(name, range(7), 0, 0, (), answering, leaves.id, [stays.id])
        add_duty(session, ours.id, planned, by=stays.id)
    return Team(ours, leaves, stays, conversations)


@pytest.fixture
def team(session: Session) -> Team:
    return a_team(session, an_organisation(session))


def owners(session: Session) -> list[int | None]:
    session.expire_all()
    return list(session.scalars(select(Conversation.owner_id).order_by(Conversation.id)))


def parts(session: Session, member: Member) -> list[str]:
    return sorted(session.scalars(select(DutyMember.part).where(DutyMember.member_id == member.id)))


def test_everything_goes_to_another_member(session: Session, team: Team) -> None:
    stays, leaves = team.stays.id, team.leaves.id
    passed = pass_on(session, team.organisation.id, team.leaves, to=stays, by=stays)
    assert passed == PassedOn(conversations=2, duties=2)
    assert owners(session) == [stays, stays, leaves, stays]
    assert parts(session, team.leaves) == []
    assert parts(session, team.stays) == [Part.ANSWERS] * 2 + [Part.LEAD] * 2 + [Part.RESERVE] * 2
    drafts = session.execute(
        select(Draft.conversation_id, Draft.sealed_text).where(Draft.member_id == stays)
    ).all()
    first, second = (conversation.id for conversation in team.conversations[:2])
    assert {(row[0], row[1]) for row in drafts} == {(first, b"Leaves"), (second, b"Stays")}
    (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "member.pass_on"))
    assert entry.detail == {"to": stays, "people": 2, "duties": 2}


def test_what_was_put_off_waits_for_the_team_now(session: Session, team: Team) -> None:
    """Nobody is left who knows that it was put off; to another member it comes at its time."""
    later, now = NOON + timedelta(days=7), NOON + timedelta(hours=1)
    first, other = team.conversations[0], team.conversations[3]
    put_off = update(Conversation).where(Conversation.id.in_([first.id, other.id]))
    session.execute(put_off.values(snoozed_until=later))
    with clock.running_on(lambda: now):
        pass_on(session, team.organisation.id, team.leaves, to=None, by=team.stays.id)
        session.expire_all()
        assert (first.snoozed_until, first.urgent_since) == (None, now)
        pass_on(session, team.organisation.id, team.stays, to=team.leaves.id, by=team.stays.id)
        session.expire_all()
        assert (other.owner_id, other.snoozed_until) == (team.leaves.id, later)


def test_without_a_name_it_goes_to_the_team(session: Session, team: Team) -> None:
    pass_on(session, team.organisation.id, team.leaves, to=None, by=team.stays.id)
    assert owners(session) == [None, None, team.leaves.id, team.stays.id]
    states = session.scalars(select(Conversation.state).order_by(Conversation.id)).all()
    assert states == [
        ConversationState.NEW,
        ConversationState.ANSWERED,
        ConversationState.CLOSED,
        ConversationState.OPEN,
    ]
    assert parts(session, team.leaves) == []


def test_other_organisations_keep_theirs(session: Session, team: Team) -> None:
    theirs = an_organisation(session)
    other = a_conversation(session, theirs, owner_id=team.leaves.id, state=ConversationState.OPEN)
    pass_on(session, team.organisation.id, team.leaves, to=None, by=team.stays.id)
    session.expire_all()
    assert other.owner_id == team.leaves.id


@pytest.mark.parametrize("which", ["self", "viewer", "stranger", "barred"])
def test_nobody_gets_work_who_does_not_answer(session: Session, team: Team, which: str) -> None:
    taker = {
        "self": lambda: team.leaves,
        "viewer": lambda: a_member(session, team.organisation, Role.VIEWER),
        "stranger": lambda: a_member(session, an_organisation(session), Role.RESPONDER),
        "barred": lambda: a_member(session, team.organisation, Role.RESPONDER, active=False),
    }[which]()
    with pytest.raises(InputError):
        pass_on(session, team.organisation.id, team.leaves, to=taker.id, by=team.stays.id)


@pytest.mark.parametrize(
    ("form", "fields"), [("/access", {"active": "0"}), ("", {"roles": "viewer"}), ("", {"roles": "responder"})]
)
def test_what_a_member_put_off_who_answers_no_more_waits_now(
    pages: Pages, client_for: Callable[..., FlaskClient], form: str, fields: dict[str, str]
) -> None:
    """It is theirs until it is passed on; nobody else knows that it was put off."""
    now = clock.now()
    with pages.sessions.begin() as session:
        team = a_team(session, session.merge(pages.ours))
        session.execute(update(Conversation).values(snoozed_until=now + timedelta(days=7)))
        leaves, stays = team.leaves.id, team.stays.id
    answer = client_for(Role.ADMIN).post(f"/settings/members/{leaves}{form}", data=fields)
    assert answer.status_code == 302
    with pages.sessions() as session:
        found = session.execute(
            select(Conversation.snoozed_until, Conversation.urgent_since)
            .where(Conversation.state == ConversationState.OPEN)
            .order_by(Conversation.owner_id)
        ).all()
        assert owners(session) == [leaves, leaves, leaves, stays]
    is_kept = fields == {"roles": "responder"}
    assert [row.snoozed_until is None for row in found] == [not is_kept, False]
    assert [row.urgent_since >= now for row in found] == [not is_kept, False]


def test_what_a_member_put_off_waits_once_whoever_runs_the_instance_takes_the_role(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pages.sessions.begin() as session:
        team = a_team(session, session.merge(pages.ours))
        session.execute(update(Conversation).values(snoozed_until=clock.now() + timedelta(days=7)))
        arguments = [team.leaves.email, "viewer", "--organisation", pages.ours.slug]
    monkeypatch.setattr(commands, "_sessions", lambda: nullcontext(pages.sessions))
    assert CliRunner().invoke(commands.set_member_roles, arguments).exit_code == 0
    with pages.sessions() as session:
        put_off = session.scalars(select(Conversation.owner_id).where(Conversation.snoozed_until.is_not(None)))
        assert team.leaves.id not in put_off.all()


def test_administrator_passes_it_on_in_one_act(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        team = a_team(session, session.merge(pages.ours))
        leaves, stays = team.leaves.id, team.stays.id
    client = client_for(Role.ADMIN)
    assert "Pass on their work" in client.get(f"/settings/members/{leaves}").text
    answer = client.post(f"/settings/members/{leaves}/pass-on", data={"to": str(stays)}, follow_redirects=True)
    assert "Conversations: 2, duties: 2." in answer.text
    with pages.sessions() as session:
        assert session.scalars(select(DutyMember.part).where(DutyMember.member_id == leaves)).all() == []
