"""What an approver is told: what changed since the last approval, when one runs out, why a campaign came back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from campaigns.audience.grouping import create_group
from campaigns.audience.models import Audience, GroupKind
from campaigns.audience.rules import AudienceRule
from campaigns.audience.service import update_audience
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.planning import service
from campaigns.planning.approvals.review import Review, load_review
from campaigns.planning.draft import plan_of
from campaigns.planning.models import RunState
from campaigns.planning.policy import Policy
from campaigns.planning.queries import load_content
from campaigns.planning.service import fire_due
from tests.planning.story import EVENING, START, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

FORTNIGHT = replace(EVENING, starts_at=EVENING.starts_at + timedelta(days=15))
DAILY = replace(EVENING, recurrence="FREQ=DAILY")


def told(story: Story, *, now: datetime = START) -> Review:
    content = load_content(story.session, story.campaign)
    return load_review(story.session, story.campaign, content, now=now, valid_days=14)


def test_first_approval_has_nothing_to_compare_with(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    assert told(story).changes is None


def test_change_is_told_even_when_the_approval_is_void(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved()
    plan = replace(plan_of(story.campaign), max_parts=4)
    service.update_campaign(session, story.campaign, plan=plan, by=story.author.id)
    changes = told(story).changes
    assert changes is not None
    assert [(each.name, each.before, each.after) for each in changes.facts] == [("max_parts", 3, 4)]


def test_approval_runs_out_before_the_first_firing(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved(FORTNIGHT)
    (run,) = fire_due(session, now=START + timedelta(days=15, hours=6), policy=Policy(90))
    assert run.state == RunState.HELD
    assert str(run.reason) == "It was approved more than 14 days ago and never sent since. Is it still right?"


def test_longer_limit_lets_it_start(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved(FORTNIGHT)
    (run,) = fire_due(session, now=START + timedelta(days=15, hours=6), policy=Policy(90, approval_valid_days=16))
    assert run.state == RunState.PLANNING


def test_what_was_sent_in_time_goes_on_for_longer(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved(DAILY)
    times = [START + timedelta(days=day, hours=5) for day in range(17)]
    made = [fire_due(session, now=at, policy=Policy(90))[0].state for at in times]
    assert made == [RunState.PLANNING] * 17
    assert told(story).runs_out_at is None


def test_run_that_was_stopped_before_it_began_sent_nothing(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved(replace(EVENING, recurrence="FREQ=DAILY;INTERVAL=20"))
    (late,) = fire_due(session, now=START + timedelta(hours=9), policy=Policy(90))
    assert late.state == RunState.HELD
    service.stop_run(session, late, by=story.author.id)
    assert told(story).runs_out_at is not None
    (run,) = fire_due(session, now=START + timedelta(days=20, hours=5), policy=Policy(90))
    assert run.state == RunState.HELD
    assert "never sent since" in str(run.reason)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("is_planned", "state"), [(True, RunState.PLANNING), (False, RunState.HELD)], ids=["planned", "in its fan-out"]
)
def test_run_that_a_member_let_start_was_sent_once_it_is_planned(
    session: Session, vault: Vault, is_planned: bool, state: RunState
) -> None:
    """It was made before the approval by which it was let start; until its fan-out ends nobody is written to."""
    story = a_story(session, vault)
    story.approved(replace(EVENING, recurrence="FREQ=DAILY;INTERVAL=20"))
    (late,) = fire_due(session, now=START + timedelta(hours=9), policy=Policy(90))
    released_at = START + timedelta(hours=10)
    with clock.running_on(lambda: released_at):
        service.let_run_start(session, late, by=story.approver.id, policy=Policy(90))
    if is_planned:
        late.state, late.started_at = RunState.DONE, released_at + timedelta(minutes=1)
    session.flush()
    assert (told(story).runs_out_at is None) == is_planned
    (run,) = fire_due(session, now=START + timedelta(days=20, hours=5), policy=Policy(90))
    assert run.state == state


def test_reason_of_a_return_is_told_until_it_is_submitted_again(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.scheduled()
    story.submitted()
    service.return_campaign(session, story.campaign, by=story.approver.id, reason="Too long.")
    returned = told(story).returned
    assert returned is not None
    assert returned.reason == "Too long."
    story.submitted()
    assert told(story).returned is None


def test_changed_audience_tells_its_groups_by_name(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved()
    audience = session.get_one(Audience, story.campaign.audience_id)
    of, by = audience.organisation_id, story.author.id
    group = create_group(session, of, kind=GroupKind.COHORT, name="Autumn course", by=by)
    update_audience(session, audience, name="Course", rule=AudienceRule(group_ids=(group.id,)), by=by)
    assert told(story).groups == {group.id: "Autumn course"}
