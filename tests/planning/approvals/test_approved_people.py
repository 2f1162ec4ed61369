"""A run is compared with the approved audience person by person, not by how many there are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, AddressState, Contact
from campaigns.core.keys.crypto import Vault
from campaigns.planning import service
from campaigns.planning.approvals.approved_people import ApprovedPeople
from campaigns.planning.models import Run, RunState
from campaigns.planning.queries import find_approval
from campaigns.planning.service import fire_due
from tests.factories import a_contact, an_address
from tests.planning.runs.test_firing import DAILY
from tests.planning.story import DUE, START, Story, a_story, more_people

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]


def leave(session: Session, count: int) -> None:
    """Let the first people withdraw their consent."""
    first = session.scalars(select(Address.id).order_by(Address.id).limit(count)).all()
    session.execute(update(Address).where(Address.id.in_(first)).values(state=AddressState.OPTED_OUT))


def kept(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(ApprovedPeople)) or 0


def fire(story: Story, days: int = 0) -> Run:
    (run,) = fire_due(story.session, now=DUE + timedelta(days=days))
    return run


@pytest.mark.parametrize(("exchanged", "state"), [(2, RunState.PLANNING), (3, RunState.HELD)])
def test_exchange_of_people_without_growth_is_held(
    session: Session, vault: Vault, exchanged: int, state: RunState
) -> None:
    """As many as were approved, but more than one in twenty of them are others."""
    story = a_story(session, vault, people=40)
    story.approved()
    leave(session, exchanged)
    more_people(story, vault, exchanged)
    run = fire(story)
    assert run.state == state
    if state == RunState.HELD:
        assert "approved audience" in str(run.reason)
        assert "fewer than 20 of 40 people were not in it" in str(run.reason)


def test_who_leaves_holds_nothing(session: Session, vault: Vault) -> None:
    story = a_story(session, vault, people=40)
    story.approved()
    leave(session, 39)
    assert fire(story).state == RunState.PLANNING


def test_many_strangers_are_held_however_large_the_audience(
    session: Session, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.planning.runs.held_runs.MOST_STRANGERS", 1)
    story = a_story(session, vault, people=100)
    story.approved()
    more_people(story, vault, 2)
    assert fire(story).state == RunState.HELD


def test_who_was_left_out_when_it_was_approved_is_a_stranger(session: Session, vault: Vault) -> None:
    """The approver saw how many would get it: who agreed to nothing yet was none of them."""
    story = a_story(session, vault, people=20)
    leave(session, 10)
    story.approved()
    session.execute(update(Address).values(state=AddressState.ACTIVE))
    assert fire(story).state == RunState.HELD


@pytest.mark.both_databases
def test_people_are_told_apart_in_every_bit_of_a_block(session: Session, vault: Vault) -> None:
    """Every second of some blocks' ids is approved; the others are strangers, to the last one."""
    story = a_story(session, vault, people=100)
    even, odd = Contact.id % 2 == 0, Contact.id % 2 == 1
    of = Address.contact_id.in_(select(Contact.id).where(odd))
    session.execute(update(Address).where(of).values(state=AddressState.OPTED_OUT))
    assert session.scalar(select(func.count()).where(even)) == 50
    story.approved(DAILY)
    assert 3 <= kept(session) <= 5
    assert fire(story).state == RunState.PLANNING
    session.execute(update(Address).where(of).values(state=AddressState.ACTIVE))
    session.execute(
        update(Address)
        .where(Address.contact_id.not_in(select(Contact.id).where(odd)))
        .values(state=AddressState.OPTED_OUT)
    )
    run = fire(story, days=1)
    assert "50 of 50 people were not in it" in str(run.reason)


@pytest.mark.both_databases
def test_id_that_is_given_again_is_somebody_else(session: Session, vault: Vault) -> None:
    """SQLite gives the largest id again once its row is gone: an erasure and an import make it somebody else's."""
    story = a_story(session, vault, people=3)
    last = session.scalars(select(Contact.id).order_by(Contact.id.desc()).limit(1)).one()
    story.approved()
    session.execute(Address.__table__.delete().where(Address.contact_id == last))  # type: ignore[attr-defined]
    session.execute(Contact.__table__.delete().where(Contact.id == last))  # type: ignore[attr-defined]
    region_id = session.scalars(select(Contact.region_id).limit(1)).one()
    later = START + timedelta(hours=1)
    other = a_contact(session, story.organisation, id=last, region_id=region_id, created_at=later)
    an_address(session, other, vault, number="+380671234567")
    assert fire(story).state == RunState.HELD


@pytest.mark.both_databases
def test_those_released_are_the_new_measure(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved(DAILY)
    leave(session, 2)
    more_people(story, vault, 2)
    first = fire(story)
    assert first.state == RunState.HELD
    service.let_run_start(session, first, by=story.approver.id)
    assert fire(story, days=1).state == RunState.PLANNING
    session.execute(update(Address).values(state=AddressState.ACTIVE))
    assert fire(story, days=2).state == RunState.HELD


@pytest.mark.both_databases
def test_only_the_approval_in_force_keeps_its_people(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    schedule = story.approved(DAILY)
    approval = find_approval(session, story.campaign)
    assert approval is not None
    assert session.scalars(select(ApprovedPeople.approval_id).distinct()).all() == [approval.id]
    service.take_back_campaign(session, story.campaign, by=story.author.id)
    assert kept(session) == 0
    digest = story.submitted()
    service.approve_campaign(session, story.campaign, by=story.approver.id, digest=digest)
    assert kept(session) == 1
    service.remove_schedule(session, schedule, by=story.author.id)
    assert kept(session) == 0


@pytest.mark.parametrize("released", [False, True])
def test_nobody_is_kept_once_nothing_is_to_come(session: Session, vault: Vault, released: bool) -> None:
    story = a_story(session, vault)
    story.approved()
    more_people(story, vault, 2)
    run = fire(story)
    assert (run.state, kept(session)) == (RunState.HELD, 0)
    if released:
        service.let_run_start(session, run, by=story.approver.id)
        assert kept(session) == 0


def test_archived_campaign_keeps_nobody(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved(DAILY)
    service.archive_campaign(session, story.campaign, by=story.author.id)
    assert kept(session) == 0
