"""No campaign writes to somebody who speaks with the team about a danger; a correction does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.pairs import note_pair
from campaigns.audience.consent.person import mark_shared
from campaigns.audience.consent.urgent_contacts import (
    URGENT_FOR,
    find_on_phone,
    forget_urgent,
    note_urgent,
    select_urgent,
)
from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery, RunLeftOut
from campaigns.delivery.refusals import hold_campaigns_back
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run
from campaigns.planning.policy import Policy
from tests.delivery.builders import a_planned_run, a_running_run, all_deliveries, give_addresses, people
from tests.factories import a_contact, a_sender, an_address, an_organisation

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    ("ago", "is_closed", "written"),
    [(timedelta(0), False, 2), (URGENT_FOR * 2, False, 3), (timedelta(0), True, 3)],
)
def test_campaign_leaves_them_out(
    sessions: sessionmaker[Session], vault: Vault, ago: timedelta, is_closed: bool, written: int
) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session)
        run_id = run.id
        first, *_ = people(session, run.organisation_id, vault, count=3)
        note_urgent(session, first, at=clock.now() - ago)
        if is_closed:
            forget_urgent(session, first)
    fan_out(sessions, run_id, policy=Policy(36_500))
    with sessions() as session:
        assert len(session.scalars(select(Delivery)).all()) == written
        left = session.execute(select(RunLeftOut.reason, RunLeftOut.people)).all()
        assert [tuple(row) for row in left] == ([("urgent", 1)] if written == 2 else [])


@pytest.mark.both_databases
def test_what_is_queued_is_taken_out_but_for_corrections(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=2)
    first, second = session.scalars(select(Delivery).order_by(Delivery.id)).all()
    assert hold_campaigns_back(session, first.contact_id) == 1
    session.expire_all()
    assert (first.send_state, second.send_state) == (SendState.SUPPRESSED, SendState.QUEUED)
    session.get_one(Run, run.id).corrects_id = run.id
    session.flush()
    assert hold_campaigns_back(session, second.contact_id) == 0


@pytest.mark.both_databases
@pytest.mark.parametrize(("ago", "corrects", "called"), [(0, False, 1), (0, True, 2), (2, False, 2)])
def test_what_is_queued_again_is_not_called_but_for_corrections(
    sessions: sessionmaker[Session], vault: Vault, ago: int, corrects: bool, called: int
) -> None:
    with sessions.begin() as session:
        # Its run was stopped as they wrote, so nothing of it was queued; then it was resumed.
        run = a_running_run(session, vault, count=2)
        run.corrects_id = run.id if corrects else None
        run_id, sender_id = run.id, run.sender_id
        first = all_deliveries(session)[0].contact_id
        note_urgent(session, first, at=clock.now() - ago * URGENT_FOR)
    assert sender_id is not None
    found = DatabaseStore(sessions, vault).exchange((), Ask(Line(sender_id), run_id, 0, 10))
    assert len(found.claimed) == called
    with sessions() as session:
        states = [each.send_state for each in all_deliveries(session)]
    closed = [SendState.SUPPRESSED] if called == 1 else [SendState.SENDING]
    assert states == [*closed, SendState.SENDING]


def on_one_phone(session: Session, organisation_id: int, vault: Vault) -> tuple[int, int, int]:
    """Add somebody, another one with the same phone on another channel, and a third one with another phone."""
    first, third = people(session, organisation_id, vault, count=2)
    (second,) = people(session, organisation_id, vault, count=1, prefix="+38050")
    chat: dict[str, Any] = {"channel": Channel.WHATSAPP, "heard_at": clock.now()}
    give_addresses(session, organisation_id, vault, [second], prefix="+38067", **chat)
    numbers = session.scalars(select(Address.number).where(Address.contact_id == second)).all()
    mark_shared(session, organisation_id, [number for number in numbers if number is not None])
    return first, second, third


@pytest.mark.both_databases
@pytest.mark.parametrize("chunk", [1, 100])
@pytest.mark.parametrize("is_second", [False, True])
def test_campaign_leaves_their_phone_alone(
    sessions: sessionmaker[Session], vault: Vault, chunk: int, is_second: bool
) -> None:
    """It stands in two contacts, and whichever is in danger, a message to the other one comes to it, too."""
    with sessions.begin() as session:
        run = a_planned_run(session, senders=[a_sender(session), a_sender(session, channel=Channel.WHATSAPP)])
        run_id, ours = run.id, run.organisation_id
        first, second, third = on_one_phone(session, ours, vault)
        # The same phone is known to others, who know nothing of the danger.
        theirs = people(session, an_organisation(session).id, vault, count=1)
        note_urgent(session, second if is_second else first, at=clock.now())
    fan_out(sessions, run_id, policy=Policy(36_500), chunk=chunk)
    with sessions() as session:
        assert session.scalars(select(Delivery.contact_id)).all() == [third]
        urgent = select_urgent(now=clock.now(), after=0, through=max(theirs))
        assert sorted(session.scalars(urgent)) == [first, second]


@pytest.mark.both_databases
@pytest.mark.parametrize("is_second", [False, True])
def test_what_whatsapp_calls_their_phone_is_left_alone_too(
    session: Session, vault: Vault, is_second: bool
) -> None:
    organisation = an_organisation(session)
    one, other = (
        an_address(session, a_contact(session, organisation), vault, number=text, channel=channel)
        for text, channel in (("+380670000001", Channel.SMS), ("UA.8f2c1d", Channel.WHATSAPP))
    )
    an_address(session, a_contact(session, organisation), vault, number="+380670000002")
    note_pair(session, HashedHandle.of(one), HashedHandle.of(other))
    note_urgent(session, (other if is_second else one).contact_id, at=clock.now())
    urgent = select_urgent(now=clock.now(), after=0, through=other.contact_id + 1)
    assert sorted(session.scalars(urgent)) == [one.contact_id, other.contact_id]
    assert find_on_phone(session, one.contact_id) == {one.contact_id, other.contact_id}


@pytest.mark.both_databases
def test_what_is_queued_for_their_phone_is_taken_out(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=2)
    first, second = all_deliveries(session)
    share_phone(session, run.organisation_id, first.contact_id, second.contact_id)
    assert hold_campaigns_back(session, first.contact_id) == 2
    assert {each.send_state for each in all_deliveries(session)} == {SendState.SUPPRESSED}


@pytest.mark.both_databases
def test_what_is_queued_again_for_their_phone_is_not_called(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=3)
        run_id, sender_id = run.id, run.sender_id
        first, second, third = (each.contact_id for each in all_deliveries(session))
        share_phone(session, run.organisation_id, first, second)
        note_urgent(session, first, at=clock.now())
    assert sender_id is not None
    found = DatabaseStore(sessions, vault).exchange((), Ask(Line(sender_id), run_id, 0, 10))
    assert len(found.claimed) == 1
    with sessions() as session:
        called = [each.contact_id for each in all_deliveries(session) if each.send_state == SendState.SENDING]
    assert called == [third]


def share_phone(session: Session, organisation_id: int, *contact_ids: int) -> None:
    """Let contacts have one phone."""
    number = session.scalar(select(Address.number).where(Address.contact_id == contact_ids[0]))
    assert number is not None
    session.execute(update(Address).where(Address.contact_id.in_(contact_ids)).values(number=number))
    mark_shared(session, organisation_id, [number])
