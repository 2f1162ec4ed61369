"""The example goes with what the system noted of it, and whatever somebody used of it stays as their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Select, Table, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Audience
from campaigns.core import clock
from campaigns.delivery.models import SenderAccount
from campaigns.directory.models import CheckOutcome, Service, ServiceCheck
from campaigns.example.models import ExamplePart
from campaigns.example.queries import find_example
from campaigns.example.service import Names, add_example, throw_example_away
from campaigns.inbox.automatic.models import AutomaticText
from campaigns.inbox.models import InboundLook, UnknownStop
from campaigns.messages.library.service import duplicate_message
from campaigns.messages.models import Message, Withdrawal
from campaigns.places.models import Place, Route
from campaigns.places.service import load_regions
from campaigns.planning.models import Campaign, Run, RunState, Sender
from campaigns.proposals.models import Proposal, ProposalState
from campaigns.proposals.service import refuse
from campaigns.reach.outcomes.proposed import TARGET, propose_target
from campaigns.schema import metadata
from campaigns.staff.models import Member, Organisation, Role
from tests.factories import a_campaign, a_member, a_run, add, an_organisation

NAMES = Names("Message", "Correction", "Audience", "Sender", "Campaign")
Use = Callable[[Session, Organisation, Member, Campaign], object]


@pytest.fixture
def member_id(sessions: sessionmaker[Session]) -> int:
    with sessions.begin() as session:
        load_regions(session)
        member = a_member(session, an_organisation(session), Role.AUTHOR)
        add_example(session, member.memberships[0].organisation, names=NAMES, by=member.id)
        return member.id


def use(sessions: sessionmaker[Session], member_id: int, what: Use) -> None:
    with sessions.begin() as session:
        member = session.get_one(Member, member_id)
        ours = member.memberships[0].organisation
        example = find_example(session, ours.id)
        assert example is not None
        what(session, ours, member, example)


def throw_away(sessions: sessionmaker[Session], member_id: int) -> None:
    with sessions.begin() as session:
        ours = session.get_one(Member, member_id).memberships[0].organisation
        throw_example_away(session, ours, by=member_id)
        assert session.scalars(select(ExamplePart.row_id)).all() == []


def note_by_itself(session: Session, ours: Organisation, member: Member, example: Campaign) -> None:
    now, sender_id = clock.now(), example.sender_id
    add(session, SenderAccount(sender_id=sender_id, is_rehearsal=True, account="AC1", since=now))
    add(session, InboundLook(sender_id=sender_id, through=now))
    add(session, UnknownStop(organisation_id=ours.id, sender_id=sender_id, channel="sms", said_at=now))


def test_notes_of_a_rehearsal_keep_nothing(sessions: sessionmaker[Session], member_id: int) -> None:
    use(sessions, member_id, note_by_itself)
    throw_away(sessions, member_id)
    with sessions() as session:
        for model in (Sender, SenderAccount, InboundLook, UnknownStop):
            assert session.scalars(select(model)).all() == []


def lead(session: Session, ours: Organisation, member: Member, example: Campaign) -> None:
    ours.link_hosts = ["help.example.org"]
    propose_target(session, example, "https://help.example.org/", by=member.id)


def test_what_was_proposed_for_its_link_is_still_read_and_refused(
    sessions: sessionmaker[Session], member_id: int
) -> None:
    use(sessions, member_id, lead)
    throw_away(sessions, member_id)
    with sessions.begin() as session:
        proposal = session.scalars(select(Proposal)).one()
        assert TARGET.show(session, proposal).lines[0].after == "https://help.example.org/"
        refuse(session, proposal, TARGET, by=member_id)
        assert proposal.state == ProposalState.WITHDRAWN


def call(session: Session, ours: Organisation, member: Member, example: Campaign) -> None:
    service = session.scalars(select(Service).order_by(Service.id).limit(1)).one()
    facts = {"how": "call", "outcome": CheckOutcome.SILENT, "numbers": ["1"], "recorded_at": clock.now()}
    add(session, ServiceCheck(service_id=service.id, member_id=member.id, checked_on=date(2026, 1, 1), **facts))


def rehearse_own(session: Session, ours: Organisation, member: Member, example: Campaign) -> None:
    own = a_campaign(session, ours, member)
    note_by_itself(session, ours, member, example)
    a_run(session, own, is_rehearsal=True, state=RunState.STOPPED, sender_id=example.sender_id)


def answer(session: Session, ours: Organisation, member: Member, example: Campaign) -> None:
    add(session, AutomaticText(organisation_id=ours.id, occasion="help", message_id=example.message_id))


def withdraw(session: Session, ours: Organisation, member: Member, example: Campaign) -> None:
    add(
        session,
        Withdrawal(message_id=example.message_id, version=1, member_id=member.id, withdrawn_at=clock.now()),
    )


def copy(session: Session, ours: Organisation, member: Member, example: Campaign) -> None:
    duplicate_message(session, example.message, by=member.id)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("what", "model", "used"),
    [
        (call, Service, select(ServiceCheck.service_id)),
        (rehearse_own, Sender, select(Run.sender_id)),
        (answer, Message, select(AutomaticText.message_id)),
        (withdraw, Message, select(Withdrawal.message_id)),
        (copy, Message, select(Message.copied_from_id).where(Message.copied_from_id.is_not(None))),
    ],
)
def test_what_somebody_used_stays(
    sessions: sessionmaker[Session], member_id: int, what: Use, model: Any, used: Select[Any]
) -> None:
    use(sessions, member_id, what)
    with sessions() as session:
        parts = set(session.scalars(select(ExamplePart.row_id).where(ExamplePart.kind == model.__tablename__)))
    throw_away(sessions, member_id)
    with sessions() as session:
        assert parts & set(session.scalars(select(model.id))) == {session.scalars(used).one()}


@pytest.mark.parametrize("model", [Service, Message, Audience, Sender, Place, Route])
def test_nothing_holds_back_what_goes_along_with_a_part(model: Any) -> None:
    assert [*_holding_back(model.__table__)] == []


def _holding_back(table: Table) -> Iterator[str]:
    """Return the foreign keys for which the database would refuse to remove what it removes with a row."""
    for other in metadata.sorted_tables:
        if any(key.column.table is table and key.ondelete == "CASCADE" for key in other.foreign_keys):
            keys = (key for third in metadata.sorted_tables for key in third.foreign_keys)
            yield from (str(key.parent) for key in keys if key.column.table is other and key.ondelete is None)
            yield from _holding_back(other)
