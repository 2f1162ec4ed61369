"""A campaign that its author marks urgent goes first only when it is approved as such, and passes no check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.core.keys.crypto import Vault
from campaigns.planning import service
from campaigns.planning.approvals.review import find_urgency
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Approval, CampaignState, Priority, RunState
from campaigns.planning.queries import find_submitted
from campaigns.planning.schedules.quiet_hours import first_allowed
from campaigns.planning.service import fire_due
from campaigns.staff.models import AuditEntry
from tests.planning.story import DUE, START, Story, a_story

pytestmark = pytest.mark.one_database

WHY = "The hotline of Przemyśl was closed."


@pytest.fixture(autouse=True)
def at_the_start() -> Iterator[None]:
    with clock.running_on(lambda: START):
        yield


@pytest.fixture
def story(session: Session, vault: Vault) -> Story:
    return a_story(session, vault)


def mark(story: Story, why: str | None = WHY) -> None:
    plan = replace(plan_of(story.campaign), urgent_reason=why)
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)


def approve(story: Story, *, as_urgent: bool) -> Approval:
    story.scheduled()
    digest = story.submitted()
    by = story.approver.id
    return service.approve_campaign(story.session, story.campaign, by=by, digest=digest, as_urgent=as_urgent)


def details(story: Story, action: str) -> list[object]:
    found = select(AuditEntry.detail).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return [detail.get("urgent", detail.get("as_urgent")) for detail in story.session.scalars(found)]


@pytest.mark.parametrize(
    ("why", "as_urgent", "priority"),
    [
        (WHY, True, Priority.URGENT),
        # Returned to the queue of all others by whoever approves.
        (WHY, False, Priority.ORDINARY),
        # Nobody but its author says that it is.
        (None, True, Priority.ORDINARY),
    ],
)
def test_it_takes_both(story: Story, why: str | None, as_urgent: bool, priority: Priority) -> None:
    mark(story, why)
    approve(story, as_urgent=as_urgent)
    (run,) = fire_due(story.session, now=DUE)
    assert (run.state, run.priority) == (RunState.PLANNING, priority)


def test_run_tells_why_and_who_approved_it(story: Story) -> None:
    mark(story)
    approval = approve(story, as_urgent=True)
    (run,) = fire_due(story.session, now=DUE)
    assert find_urgency(story.session, run) == (approval, story.approver.name)
    assert (approval.content or {})["urgent"] == WHY
    assert (details(story, "campaign.update"), details(story, "campaign.approve")) == ([1], [1])
    assert details(story, "run.fire") == [1]


@pytest.mark.parametrize("why", ["Another reason.", None])
def test_another_reason_needs_another_approval(story: Story, why: str | None) -> None:
    mark(story)
    approve(story, as_urgent=True)
    mark(story, why)
    assert story.campaign.state == CampaignState.DRAFT
    assert fire_due(story.session, now=DUE) == []


def test_held_run_is_as_urgent_as_its_approval(story: Story) -> None:
    mark(story)
    approve(story, as_urgent=True)
    (run,) = fire_due(story.session, now=DUE + timedelta(hours=2))
    assert run.state == RunState.HELD
    with clock.running_on(lambda: DUE + timedelta(hours=2)):
        service.let_run_start(story.session, run, by=story.approver.id)
    assert (run.state, run.priority) == (RunState.PLANNING, Priority.URGENT)


def test_copy_is_not_urgent(story: Story) -> None:
    mark(story)
    assert service.duplicate_campaign(story.session, story.campaign, by=story.author.id).urgent_reason is None


def test_urgent_ones_wait_for_approval_before_all_others(story: Story) -> None:
    other = service.duplicate_campaign(story.session, story.campaign, by=story.author.id)
    for campaign in (other, story.campaign):
        campaign.state = CampaignState.SUBMITTED
    story.campaign.urgent_reason, story.campaign.updated_at = WHY, START + timedelta(hours=1)
    found = find_submitted(story.session, story.organisation.id, most=8)
    assert [(name, is_urgent) for _, name, is_urgent in found] == [("Documents", True), ("Documents 2", False)]


def test_reason_has_an_end(story: Story) -> None:
    with pytest.raises(InputError):
        mark(story, "x" * 301)


@pytest.mark.parametrize(
    ("country", "hour"),
    [
        # Our own default: nothing is sent at night, unless it is urgent.
        ("UA", 23),
        # The country's own hours, from 22:00 to 8:00, hold for what is urgent, too.
        ("RO", 8),
        ("", 23),
    ],
)
def test_urgent_keeps_the_quiet_hours_of_a_country(country: str, hour: int) -> None:
    night = datetime(2026, 3, 2, 21, tzinfo=UTC) + timedelta(hours=0)
    allowed = first_allowed(night, "Europe/Bucharest", country, is_urgent=True)
    assert allowed.astimezone(UTC).hour == (hour - 2) % 24
    assert first_allowed(night, "Europe/Bucharest", country).hour in (6, 7)
