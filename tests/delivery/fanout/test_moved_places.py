"""A run that is being planned looks for people where it was approved to, or stops and says so."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import ApprovalError
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.fanout.outdated_texts import resume
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState
from campaigns.places.models import Place, PlaceCell
from campaigns.places.place_rows import write_cells
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.covers import MOVED, load_cover
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL, Policy
from campaigns.planning.service import ask_to_resume
from campaigns.staff.models import Organisation, Role
from tests.delivery.builders import a_planned_run, frozen, people
from tests.factories import a_member, a_place, a_region, an_organisation

pytestmark = pytest.mark.one_database

HERE, THERE = 1, 2


@pytest.fixture
def run_id(sessions: sessionmaker[Session], vault: Vault) -> int:
    """A run for a place with two people, before its fan-out; three more are elsewhere."""
    with sessions.begin() as session:
        organisation = an_organisation(session)
        region_id = a_region(session).id
        place = a_place(session, organisation)
        write_cells(session, {place.id: [{HERE}]})
        for cell, count in ((HERE, 2), (THERE, 3)):
            where = {"cell": cell, "region_id": region_id}
            people(session, organisation.id, vault, count=count, prefix=f"+3805{cell}", **where)
        rule = {"place_ids": [place.id]}
        cover = load_cover(session, rule, organisation.id, names=False)
        assert cover
        return a_planned_run(session, organisation=organisation, frozen=frozen(rule=rule, cover=cover)).id


def move(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        write_cells(session, {session.scalars(select(Place.id)).one(): [{THERE}]})


def plan(sessions: sessionmaker[Session], run_id: int) -> Run:
    fan_out(sessions, run_id, policy=Policy(36_500))
    with sessions() as session:
        return session.get_one(Run, run_id)


def count_planned(sessions: sessionmaker[Session], run_id: int) -> int:
    with sessions() as session:
        return len(session.scalars(select(Delivery.id).where(Delivery.run_id == run_id)).all())


def two_members(session: Session, run_id: int) -> tuple[int, int]:
    organisation = session.get_one(Organisation, session.get_one(Run, run_id).organisation_id)
    return a_member(session, organisation).id, a_member(session, organisation, Role.APPROVER).id


def test_nobody_of_the_other_place_is_planned(sessions: sessionmaker[Session], run_id: int) -> None:
    move(sessions)
    run = plan(sessions, run_id)
    assert (run.state, run.reason, run.paused_by_itself) == (RunState.PAUSED, Sentence(MOVED), True)
    assert count_planned(sessions, run_id) == 0


def test_same_cells_written_again_stop_nothing(sessions: sessionmaker[Session], run_id: int) -> None:
    with sessions.begin() as session:
        write_cells(session, {session.scalars(select(PlaceCell.place_id)).one(): [{HERE}]})
    assert plan(sessions, run_id).state == RunState.RUNNING
    assert count_planned(sessions, run_id) == 2


def test_two_members_let_it_go_on_where_the_place_is_now(sessions: sessionmaker[Session], run_id: int) -> None:
    move(sessions)
    plan(sessions, run_id)
    with sessions.begin() as session:
        author, approver = two_members(session, run_id)
        run = session.get_one(Run, run_id)
        with pytest.raises(ApprovalError, match="another one confirms"):
            resume(session, run, by=approver, policy=USUAL)
        ask_to_resume(session, run, by=author)
        resume(session, run, by=approver, policy=USUAL)
    assert plan(sessions, run_id).state == RunState.RUNNING
    assert count_planned(sessions, run_id) == 3


def test_plain_pause_hides_no_move(sessions: sessionmaker[Session], run_id: int) -> None:
    """Whoever resumes a run that a colleague paused has not been told that the place is another one since."""
    with sessions.begin() as session:
        _author, approver = two_members(session, run_id)
        run = session.get_one(Run, run_id)
        run.state, run.reason = RunState.PAUSED, Sentence(N_("Wait for the translator."))
    move(sessions)
    with sessions.begin() as session:
        resume(session, session.get_one(Run, run_id), by=approver, policy=USUAL)
    run = plan(sessions, run_id)
    assert (run.state, run.reason) == (RunState.PAUSED, Sentence(MOVED))


def test_planned_people_stay_who_they_are(sessions: sessionmaker[Session], run_id: int) -> None:
    plan(sessions, run_id)
    move(sessions)
    run = plan(sessions, run_id)
    assert (run.state, count_planned(sessions, run_id)) == (RunState.RUNNING, 2)


@pytest.mark.both_databases
def test_correction_goes_to_those_who_got_it_wherever_places_are(
    sessions: sessionmaker[Session], run_id: int
) -> None:
    plan(sessions, run_id)
    with sessions.begin() as session:
        wrong = session.get_one(Run, run_id)
        for delivery in session.scalars(select(Delivery).where(Delivery.run_id == run_id)):
            delivery.send_state, delivery.attempts = SendState.ACCEPTED, 1
        values = FrozenRun.from_json(wrong.frozen).to_json()
        correcting = a_planned_run(session, campaign=wrong.campaign, frozen=values, corrects_id=run_id)
        correction_id = correcting.id
    move(sessions)
    assert plan(sessions, correction_id).state != RunState.PAUSED
    assert count_planned(sessions, correction_id) == 2
