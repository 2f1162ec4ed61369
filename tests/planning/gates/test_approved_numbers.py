"""A run names no number for help but those that its approval covers; a number that came since makes it wait."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import ApprovalError
from campaigns.core.keys.crypto import Vault
from campaigns.directory.models import EmergencyNumber, Service
from campaigns.planning import service
from campaigns.planning.approvals.changes import changes_between
from campaigns.planning.models import Run, RunState
from campaigns.planning.queries import find_approval, find_editors, load_content
from campaigns.staff import audit
from tests.factories import a_service
from tests.planning.story import DUE, START, Story, a_story

pytestmark = pytest.mark.one_database

FOREIGN = "+48 600 666 666"


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    return a_story(session, vault)


def line_of(story: Story) -> Service:
    return story.session.scalars(select(Service)).one()


def fired(story: Story) -> Run:
    (run,) = service.fire_due(story.session, now=DUE)
    return run


def test_approval_covers_the_numbers_that_may_be_named(story: Story) -> None:
    story.approved()
    line, approval = line_of(story), find_approval(story.session, story.campaign)
    assert approval is not None
    assert approval.content is not None
    assert approval.content["numbers"] == {"services": {str(line.id): ["+48 22 628 01 20"]}}
    assert fired(story).frozen["numbers"] == approval.content["numbers"]


@pytest.mark.parametrize("columns", [("number_national", "number_from_abroad"), ("number_from_abroad",)])
def test_another_number_makes_the_run_wait(story: Story, columns: tuple[str, ...]) -> None:
    story.approved()
    for column in columns:
        setattr(line_of(story), column, FOREIGN)
    run = fired(story)
    assert (run.state, FOREIGN in str(run.reason)) == (RunState.HELD, True)
    assert FOREIGN not in str(run.frozen)


def test_another_line_makes_the_run_wait_only_where_it_would_be_named(story: Story) -> None:
    story.approved()
    elsewhere = {"country": "KE", "number_national": "1195", "number_from_abroad": "1195"}
    a_service(story.session, story.organisation, **elsewhere)
    a_service(story.session, story.organisation, kind="shelter", number_national=FOREIGN)
    a_service(story.session, story.organisation, number_national=FOREIGN, verified_on=None)
    a_service(story.session, story.organisation, number_national=FOREIGN, languages=["am"])
    assert fired(story).state == RunState.PLANNING


@pytest.mark.parametrize("hours", [{}, {"sun": [["03:00", "03:30"]]}])
def test_line_that_is_closed_now_counts_too(story: Story, hours: dict[str, list[list[str]]]) -> None:
    story.approved()
    a_service(story.session, story.organisation, name="New line", number_from_abroad=FOREIGN, hours=hours)
    run = fired(story)
    assert (run.state, f"New line {FOREIGN}" in str(run.reason)) == (RunState.HELD, True)


@pytest.mark.both_databases
def test_emergency_number_that_was_confirmed_since_makes_the_run_wait(story: Story) -> None:
    line_of(story).languages = []
    story.session.flush()
    story.approved()
    confirmed = {"country": "PL", "number": "999", "document": "d", "document_date": START.date()}
    owner = {"organisation_id": story.organisation.id, "member_id": story.author.id, "created_at": START}
    story.session.add(EmergencyNumber(**confirmed, **owner))
    story.session.flush()
    run = fired(story)
    assert (run.state, "PL 999" in str(run.reason)) == (RunState.HELD, True)


def test_number_that_was_taken_away_holds_nothing(story: Story) -> None:
    other = a_service(story.session, story.organisation, number_national="116 111", number_from_abroad=None)
    story.approved()
    other.verified_on = None
    assert fired(story).state == RunState.PLANNING


def test_number_that_was_only_tried_again_holds_nothing(story: Story) -> None:
    line = line_of(story)
    line.verified_on = START.date() - timedelta(days=31)
    story.session.flush()
    story.approved()
    line.verified_on = START.date()
    assert fired(story).state == RunState.PLANNING


@pytest.mark.both_databases
def test_whoever_releases_it_approves_the_number(story: Story) -> None:
    story.approved()
    line_of(story).number_from_abroad = FOREIGN
    run = fired(story)
    service.let_run_start(story.session, run, by=story.approver.id)
    approval = find_approval(story.session, story.campaign)
    assert approval is not None
    assert approval.content is not None
    assert approval.content["numbers"] == load_content(story.session, story.campaign).numbers
    assert FOREIGN in str(run.frozen["numbers"])
    assert run.digest == approval.digest


@pytest.mark.parametrize("action", ["service.create", "service.update"])
def test_whoever_stated_a_number_is_an_editor(story: Story, action: str) -> None:
    story.approved()
    line_of(story).number_from_abroad = FOREIGN
    owner = {"organisation_id": story.organisation.id, "member_id": story.approver.id}
    audit.record(story.session, action, subject=line_of(story), **owner)
    assert story.approver.id in find_editors(story.session, story.campaign)
    run = fired(story)
    with pytest.raises(ApprovalError):
        service.let_run_start(story.session, run, by=story.approver.id)


def test_number_of_another_kind_makes_nobody_an_editor(story: Story) -> None:
    shelter = a_service(story.session, story.organisation, kind="shelter")
    owner = {"organisation_id": story.organisation.id, "member_id": story.approver.id}
    audit.record(story.session, "service.update", subject=shelter, **owner)
    assert story.approver.id not in find_editors(story.session, story.campaign)


@pytest.mark.both_databases
def test_approval_from_before_numbers_were_covered_covers_none(story: Story) -> None:
    story.approved()
    approval = find_approval(story.session, story.campaign)
    assert approval is not None
    content = load_content(story.session, story.campaign)
    approval.content = {name: part for name, part in content.to_json().items() if name != "numbers"}
    approval.digest = replace(content, numbers={}).digest
    story.session.flush()
    run = fired(story)
    assert (run.state, "+48 22 628 01 20" in str(run.reason)) == (RunState.HELD, True)


@pytest.mark.both_databases
def test_reviewers_read_which_numbers_changed(story: Story) -> None:
    before = load_content(story.session, story.campaign).to_json()
    line_of(story).number_from_abroad = FOREIGN
    (change,) = changes_between(before, load_content(story.session, story.campaign).to_json()).facts
    assert (change.name, FOREIGN in str(change.after)) == ("numbers", True)
