"""Within an organisation a conversation is offered to a member or a team, and whoever takes it has it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from campaigns.core import clock
from campaigns.core.errors import InputError, NotFoundError, RefusedError, TransitionError
from campaigns.inbox.conversations import service as conversations
from campaigns.inbox.conversations.models import ConversationState
from campaigns.inbox.conversations.queries import Shelf, Wanted, select_queue
from campaigns.inbox.duty import teams
from campaigns.inbox.duty.models import Team, TeamMember
from campaigns.inbox.handing_over import queries, service, within
from campaigns.inbox.handing_over.models import HandOver, OfferState
from campaigns.inbox.handing_over.service import Confirmed
from campaigns.inbox.handing_over.within import Target
from campaigns.staff.models import Member, Role
from tests.factories import a_member
from tests.inbox.handing_over.test_service import Desks, desks

pytestmark = pytest.mark.one_database

__all__ = ["desks"]


@dataclass
class House:
    """An organisation with a team of two, and a member outside it."""

    desks: Desks
    anna: Member
    boris: Member
    outside: Member
    team: Team

    def offer(self, *, by: Member | None = None, **to: int) -> HandOver:
        by_id = (by or self.desks.person.member).id
        talk, vault = self.desks.conversation, self.desks.vault
        return within.offer_within(self.desks.session, talk, Target(**to), "I am ill.", by=by_id, vault=vault)


@pytest.fixture
def house(desks: Desks) -> House:
    session, ours = desks.session, desks.person.organisation
    anna, boris, outside = (
        a_member(session, ours, Role.RESPONDER, email=f"{name}@example.org", name=name)
        for name in ("anna", "boris", "outside")
    )
    team = teams.new_team(ours.id)
    teams.save_team(session, team, " Night ", [anna.id, boris.id], by=anna.id)
    return House(desks, anna, boris, outside, team)


def test_any_member_of_the_team_takes_it(house: House) -> None:
    session, ours = house.desks.session, house.desks.person.organisation.id
    made = house.offer(team_id=house.team.id)
    assert queries.load_targets(session, [made]) == {made.id: "Night"}
    assert queries.load_received(session, ours, house.anna.id) == [made]
    assert queries.load_received(session, ours, house.outside.id) == []
    for stranger in (house.outside, house.desks.person.member, house.desks.worker):
        with pytest.raises(RefusedError, match="offered to somebody else"):
            within.take_over(session, made, by=stranger.id)
    within.take_over(session, made, by=house.boris.id)
    conversation = house.desks.conversation
    assert (made.state, conversation.owner_id) == (OfferState.TAKEN, house.boris.id)
    assert conversation.state == ConversationState.OPEN
    with pytest.raises(TransitionError, match="decided on this offer already"):
        within.take_over(session, made, by=house.anna.id)
    assert house.desks.offer().state == OfferState.OFFERED


def test_nobody_takes_what_they_offered_themselves(house: House) -> None:
    made, ours = house.offer(by=house.anna, team_id=house.team.id), house.desks.person.organisation.id
    assert queries.load_received(house.desks.session, ours, house.anna.id) == []
    with pytest.raises(RefusedError, match="offered to somebody else"):
        within.take_over(house.desks.session, made, by=house.anna.id)
    within.take_over(house.desks.session, made, by=house.boris.id)


def test_member_takes_what_was_offered_to_them(house: House) -> None:
    made = house.offer(member_id=house.outside.id)
    assert queries.load_targets(house.desks.session, [made]) == {made.id: "outside"}
    with pytest.raises(RefusedError, match="offered to somebody else"):
        within.take_over(house.desks.session, made, by=house.anna.id)
    within.take_over(house.desks.session, made, by=house.outside.id)
    assert house.desks.conversation.owner_id == house.outside.id


@pytest.mark.both_databases
def test_what_a_team_declines_waits_again(house: House) -> None:
    house.desks.answer()
    made = house.offer(team_id=house.team.id)
    service.decline(house.desks.session, made, "Too many.", by=house.anna.id, vault=house.desks.vault)
    house.desks.session.expire_all()
    first = house.desks.conversation.reasons[0]
    assert (first["heading"], first["phrase"]) == ("not_taken", "Night")
    assert house.desks.conversation.waiting_since is not None


def test_nothing_of_it_is_for_others_or_by_a_code(house: House) -> None:
    made = house.offer(team_id=house.team.id)
    with pytest.raises(NotFoundError):
        queries.get_seen(house.desks.session, made.id, house.desks.partner.id)
    within.take_over(house.desks.session, made, by=house.anna.id)
    ours = house.desks.person.organisation.id
    with pytest.raises(NotFoundError, match="Nobody with this code"):
        service.confirm(house.desks.session, ours, made.code, Confirmed.HELPED, by=house.anna.id)


def test_nobody_is_offered_what_they_cannot_take(house: House) -> None:
    with pytest.raises(InputError, match="Choose another member"):
        house.offer(member_id=house.desks.person.member.id)
    with pytest.raises(InputError, match="Choose another member"):
        house.offer(member_id=house.desks.worker.id)
    with pytest.raises(NotFoundError):
        house.offer(team_id=10**9)
    house.boris.active = False
    house.desks.session.flush()
    with pytest.raises(InputError, match="Nobody else of this team"):
        house.offer(by=house.anna, team_id=house.team.id)


@pytest.mark.both_databases
def test_teams_are_named_once_and_have_members(house: House) -> None:
    session, ours, by = house.desks.session, house.desks.person.organisation.id, house.anna.id
    for name, members, said in (
        ("Night", [by], "team of this name"),
        ("Day", [], "at least one member"),
        ("Day", [house.desks.worker.id], "at least one member"),
        (" ", [by], "A name is needed"),
    ):
        with pytest.raises(InputError, match=said), session.begin_nested():
            teams.save_team(session, teams.new_team(ours), name, members, by=by)
    teams.save_team(session, house.team, "Night", [by], by=by)
    assert teams.load_team_members(session, ours) == {house.team.id: [by]}
    made = house.offer(team_id=house.team.id)
    teams.remove_team(session, house.team, by=by)
    session.expire_all()
    assert (made.team_id, session.scalars(select(TeamMember)).all()) == (None, [])
    with pytest.raises(RefusedError, match="offered to somebody else"):
        within.take_over(session, made, by=by)


@pytest.mark.both_databases
def test_queue_shows_what_a_team_is_offered_and_what_its_members_have(house: House) -> None:
    session, ours = house.desks.session, house.desks.person.organisation.id

    def found(team_id: int, organisation_id: int = ours) -> int:
        wanted = Wanted(Shelf.ALL, is_of_team=queries.is_of_team(organisation_id, team_id))
        return len(session.scalars(select_queue(ours, wanted, by=house.anna.id, now=clock.now())).all())

    assert found(house.team.id) == 0
    made = house.offer(team_id=house.team.id)
    assert (found(house.team.id), found(house.team.id + 1)) == (1, 0)
    service.take_back(session, made, by=house.desks.person.member.id)
    assert found(house.team.id) == 0
    conversations.take(session, house.desks.conversation, by=house.boris.id)
    assert found(house.team.id) == 1
    # Another organisation's team is nobody here.
    assert found(house.team.id, house.desks.partner.id) == 0
