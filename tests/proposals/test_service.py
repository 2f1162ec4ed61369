"""A change that takes two members is done when another one agrees, and by nobody else in no other way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, RefusedError, TransitionError
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.proposals.proposal_kinds import Kind, Shown
from campaigns.proposals.service import agree, propose, refuse
from campaigns.staff.models import AuditEntry, Member, Organisation, Role
from campaigns.staff.permissions import Permission
from tests.factories import a_member, an_organisation

pytestmark = pytest.mark.one_database


def read(session: Session, proposal: Proposal) -> Mapping[str, Any]:
    return {"name": session.get_one(Organisation, proposal.subject_id).name}


def rename(session: Session, proposal: Proposal, by: int) -> None:
    session.get_one(Organisation, proposal.subject_id).name = proposal.after["name"]


NAME = Kind(
    "name",
    "Name",
    Permission.ADMINISTER,
    read,
    rename,
    lambda session, proposal: Shown("", (), "now.index"),
    proposing=Permission.ADMINISTER,
)


@pytest.fixture
def ours(session: Session) -> Organisation:
    return an_organisation(session, name="Old")


@pytest.fixture
def first(session: Session, ours: Organisation) -> Member:
    return a_member(session, ours, Role.ADMIN)


@pytest.fixture
def second(session: Session, ours: Organisation) -> Member:
    return a_member(session, ours, Role.ADMIN)


def propose_name(session: Session, ours: Organisation, by: Member, name: str = "New", **words: Any) -> Proposal:
    before = {"name": ours.name}
    return propose(
        session, NAME, ours, organisation_id=ours.id, before=before, after={"name": name}, by=by.id, **words
    )


@pytest.mark.both_databases
def test_nothing_is_done_before_another_member_agrees(
    session: Session, ours: Organisation, first: Member, second: Member
) -> None:
    proposal = propose_name(session, ours, first, reason="  We are  called so. ")
    assert (ours.name, proposal.state, proposal.reason) == ("Old", "waiting", "We are called so.")
    agree(session, proposal, NAME, by=second.id)
    assert (ours.name, proposal.state, proposal.settled_by_id) == ("New", "agreed", second.id)
    entries = session.scalars(select(AuditEntry).where(AuditEntry.action.like("proposal.%"))).all()
    assert [(entry.action, entry.member_id) for entry in entries] == [
        ("proposal.make", first.id),
        ("proposal.agree", second.id),
    ]
    assert all(entry.detail["before"] == {"name": "Old"} for entry in entries)
    assert all(entry.detail["after"] == {"name": "New"} for entry in entries)


def test_nobody_agrees_with_themselves(session: Session, ours: Organisation, first: Member) -> None:
    proposal = propose_name(session, ours, first)
    with pytest.raises(RefusedError, match="yourself"):
        agree(session, proposal, NAME, by=first.id)
    assert ours.name == "Old"


def test_proposal_of_a_barred_member_is_worth_nothing(
    session: Session, ours: Organisation, first: Member, second: Member
) -> None:
    proposal = propose_name(session, ours, first)
    first.active = False
    with pytest.raises(RefusedError, match="no member"):
        agree(session, proposal, NAME, by=second.id)
    assert ours.name == "Old"


def test_proposal_of_a_member_who_lost_the_right_to_is_worth_nothing(
    session: Session, ours: Organisation, first: Member, second: Member
) -> None:
    proposal = propose_name(session, ours, first)
    first.memberships[0].roles = [Role.AUTHOR]
    with pytest.raises(RefusedError, match="may not do so any more"):
        agree(session, proposal, NAME, by=second.id)
    assert ours.name == "Old"


@pytest.mark.both_databases
def test_nothing_is_proposed_for_what_is_gone(session: Session, ours: Organisation, first: Member) -> None:
    gone = an_organisation(session)
    session.execute(delete(Organisation).where(Organisation.id == gone.id))
    with pytest.raises(TransitionError, match="removed"):
        propose(
            session, NAME, gone, organisation_id=ours.id, before={"name": ""}, after={"name": "x"}, by=first.id
        )


def test_agreeing_means_what_was_seen(session: Session, ours: Organisation, first: Member, second: Member) -> None:
    proposal = propose_name(session, ours, first)
    ours.name = "Another"
    session.flush()
    with pytest.raises(TransitionError, match="changed in another way"):
        agree(session, proposal, NAME, by=second.id)
    assert ours.name == "Another"


@pytest.mark.parametrize(("own", "state"), [(True, "withdrawn"), (False, "refused")])
def test_what_is_refused_stays_undone(
    session: Session, ours: Organisation, first: Member, second: Member, own: bool, state: str
) -> None:
    proposal = propose_name(session, ours, first)
    refuse(session, proposal, NAME, by=first.id if own else second.id)
    assert proposal.state == state
    with pytest.raises(TransitionError, match="decided"):
        agree(session, proposal, NAME, by=second.id)
    assert ours.name == "Old"


def test_later_proposal_overtakes_the_one_that_waits(
    session: Session, ours: Organisation, first: Member, second: Member
) -> None:
    earlier = propose_name(session, ours, first)
    later = propose_name(session, ours, second, "Newer")
    assert (earlier.state, later.state) == (ProposalState.OVERTAKEN, ProposalState.WAITING)
    with pytest.raises(TransitionError):
        agree(session, earlier, NAME, by=second.id)
    apart = propose_name(session, ours, second, "Newest", topic="another part")
    assert (later.state, apart.state) == (ProposalState.WAITING, ProposalState.WAITING)


def test_what_changes_nothing_is_not_proposed(session: Session, ours: Organisation, first: Member) -> None:
    with pytest.raises(InputError, match="Nothing"):
        propose_name(session, ours, first, "Old")
    with pytest.raises(InputError, match="200"):
        propose_name(session, ours, first, reason="x" * 201)
