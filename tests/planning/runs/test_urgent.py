"""A campaign that its author marks urgent goes first only when it is approved as such, and passes no check."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from campaigns.core import clock
from campaigns.core.errors import InputError
from campaigns.planning import service
from campaigns.planning.approvals.review import find_urgency
from campaigns.planning.draft import plan_of
from campaigns.planning.models import Approval, CampaignState, Priority, Run, RunState
from campaigns.planning.queries import find_submitted
from campaigns.planning.schedules.quiet_hours import first_allowed
from campaigns.planning.service import fire_due
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_member
from tests.planning.story import DUE, EVENING, START, Story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

WHY = "The hotline of Przemyśl was closed."
#: Eleven in Bucharest, two hours ahead of UTC.
NIGHT = datetime(2026, 3, 2, 21, tzinfo=UTC)


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


def release(story: Story, *, by: int) -> Run:
    """Let the held run of a campaign start, some hours late."""
    run = story.session.scalars(select(Run)).one()
    with clock.running_on(lambda: DUE + timedelta(hours=3)):
        service.let_run_start(story.session, run, by=by)
    return run


@pytest.mark.both_databases
def test_held_run_says_that_it_starts_as_urgent(story: Story) -> None:
    """It came due while its campaign was approved as any other, which was then approved as urgent."""
    mark(story)
    story.scheduled(replace(EVENING, starts_at=EVENING.starts_at + timedelta(days=2)))
    approve(story, as_urgent=False)
    (run,) = fire_due(story.session, now=DUE + timedelta(hours=2))
    assert find_urgency(story.session, run) is None
    with clock.running_on(lambda: DUE + timedelta(hours=2)):
        service.take_back_campaign(story.session, story.campaign, by=story.author.id)
        digest, by = story.submitted(), story.approver.id
        approval = service.approve_campaign(story.session, story.campaign, by=by, digest=digest, as_urgent=True)
    assert find_urgency(story.session, run) == (approval, story.approver.name)
    other = a_member(story.session, story.organisation, Role.APPROVER, name="Another")
    assert release(story, by=other.id).priority == Priority.URGENT
    # Who let it start did not grant that it is urgent.
    assert find_urgency(story.session, run) == (approval, story.approver.name)


def test_held_run_that_starts_as_any_other_is_not_said_to_be_urgent(story: Story) -> None:
    mark(story)
    story.scheduled(replace(EVENING, starts_at=EVENING.starts_at + timedelta(days=2)))
    approve(story, as_urgent=True)
    (run,) = fire_due(story.session, now=DUE + timedelta(hours=2))
    with clock.running_on(lambda: DUE + timedelta(hours=2)):
        service.take_back_campaign(story.session, story.campaign, by=story.author.id)
        digest = story.submitted()
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)
    assert (run.state, find_urgency(story.session, run)) == (RunState.HELD, None)


DAILY = replace(EVENING, recurrence="FREQ=DAILY")


def test_repeated_campaign_is_not_marked_urgent(story: Story) -> None:
    story.scheduled(DAILY)
    with pytest.raises(InputError, match="not repeated"):
        mark(story)
    assert story.campaign.urgent_reason is None


def test_urgent_campaign_is_not_repeated(story: Story) -> None:
    mark(story)
    approve(story, as_urgent=True)
    with pytest.raises(InputError, match="not repeated"):
        story.scheduled(DAILY)
    assert story.campaign.state == CampaignState.APPROVED


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
    ("country", "as_urgent", "as_any_other"),
    [
        # Our own default: nothing is sent from 20:00 to 9:00, unless it is urgent.
        ("UA", NIGHT, datetime(2026, 3, 3, 7, tzinfo=UTC)),
        ("", NIGHT, datetime(2026, 3, 3, 7, tzinfo=UTC)),
        # The country's own hours, from 22:00 to 8:00, hold for what is urgent, too.
        ("RO", datetime(2026, 3, 3, 6, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC)),
    ],
)
def test_urgent_keeps_the_quiet_hours_of_a_country(
    country: str, as_urgent: datetime, as_any_other: datetime
) -> None:
    assert first_allowed(NIGHT, "Europe/Bucharest", country, is_urgent=True) == as_urgent
    assert first_allowed(NIGHT, "Europe/Bucharest", country) == as_any_other
