"""From a due schedule to one run: exact content, held when in doubt, each occurrence once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import (
    ApprovalError,
    ForbiddenError,
    GateError,
    RefusedError,
    TransitionError,
)
from campaigns.core.keys.crypto import Vault
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.directory.models import Service
from campaigns.messages.translations.withdrawals import withdraw_version
from campaigns.places.models import Region
from campaigns.planning import service
from campaigns.planning.campaign_content import Cap, FrozenRun
from campaigns.planning.draft import plan_of
from campaigns.planning.models import CampaignState, Priority, Run, RunState, ZonePolicy
from campaigns.planning.policy import Policy
from campaigns.planning.schedules.recurrence import Timing
from campaigns.planning.service import fire_due
from campaigns.planning.spending.models import RunCost
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_member, a_run
from tests.planning.story import DUE, EVENING, START, Story, a_story, more_people

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]

DAILY = Timing(EVENING.starts_at, "FREQ=DAILY", ZonePolicy.FIXED, "Europe/Warsaw")


def entries_about(session: Session, run: Run) -> list[str]:
    about = (AuditEntry.subject_type == "run", AuditEntry.subject_id == run.id)
    return list(session.scalars(select(AuditEntry.action).where(*about).order_by(AuditEntry.id)))


def held(story: Story, timing: Timing = EVENING) -> Run:
    """A run held because it came two hours late."""
    story.approved(timing)
    (run,) = fire_due(story.session, now=DUE + timedelta(hours=2))
    assert run.state == RunState.HELD
    return run


def test_due_schedule_makes_one_frozen_run(story: Story) -> None:
    schedule = story.approved()
    assert fire_due(story.session, now=DUE - timedelta(seconds=1)) == []
    (run,) = fire_due(story.session, now=DUE)
    frozen = FrozenRun.from_json(run.frozen)
    assert (run.state, run.occurrence, run.started_at) == (RunState.PLANNING, EVENING.starts_at, None)
    assert frozen.texts["uk"].startswith("Паспорт")
    assert (frozen.code, frozen.zone_policy, frozen.message_version) == (story.campaign.code, "fixed", 1)
    assert (schedule.next_occurrence, schedule.next_fire_at) == (None, None)
    assert fire_due(story.session, now=DUE + timedelta(days=9)) == []
    assert entries_about(story.session, run) == ["run.fire"]


def test_released_run_keeps_the_cap_it_fired_with(story: Story) -> None:
    story.approved(EVENING)
    (run,) = fire_due(story.session, now=DUE + timedelta(hours=2), policy=Policy(cap=Cap(messages=3, days=7)))
    assert FrozenRun.from_json(run.frozen).cap == Cap(messages=3, days=7)
    service.let_run_start(story.session, run, by=story.approver.id)
    assert (run.state, FrozenRun.from_json(run.frozen).cap) == (RunState.PLANNING, Cap(messages=3, days=7))


def test_recurring_schedule_moves_on_by_the_wall_clock(story: Story) -> None:
    """Daily at 18:00 over the change of 29 March: each day one run, an hour earlier in UTC afterwards."""
    schedule = story.approved(DAILY)
    instants = []
    for _ in range(30):
        assert schedule.next_fire_at is not None
        instants.append(schedule.next_fire_at)
        story.session.scalars(select(Service)).one().verified_on = instants[-1].date()
        (run,) = fire_due(story.session, now=instants[-1])
        assert run.state == RunState.PLANNING
    occurrences = story.session.scalars(select(Run.occurrence).order_by(Run.id)).all()
    assert occurrences == [EVENING.starts_at + timedelta(days=day) for day in range(30)]
    assert {moment.hour for moment in instants[:27]} == {17}
    assert {moment.hour for moment in instants[27:]} == {16}


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.SUBMITTED, CampaignState.ARCHIVED])
def test_only_approved_campaigns_fire(story: Story, state: CampaignState) -> None:
    story.approved()
    story.campaign.state = state
    assert fire_due(story.session, now=DUE) == []


def test_removed_schedule_does_not_fire(story: Story) -> None:
    schedule = story.approved()
    schedule.removed_at = START
    assert fire_due(story.session, now=DUE) == []


def test_occurrence_that_has_its_run_is_passed_over(story: Story) -> None:
    schedule = story.approved(DAILY)
    a_run(story.session, story.campaign, schedule=schedule)
    assert fire_due(story.session, now=DUE) == []
    assert schedule.next_occurrence == EVENING.starts_at + timedelta(days=1)
    assert story.session.scalar(select(func.count()).select_from(Run)) == 1


def test_late_firing_is_held(story: Story) -> None:
    story.approved(grace_minutes=30)
    (run,) = fire_due(story.session, now=DUE + timedelta(minutes=31))
    assert run.state == RunState.HELD
    assert "31 minutes late" in str(run.reason)
    assert entries_about(story.session, run) == ["run.hold"]


def test_firing_within_its_grace_starts(story: Story) -> None:
    story.approved(grace_minutes=30)
    (run,) = fire_due(story.session, now=DUE + timedelta(minutes=30))
    assert run.state == RunState.PLANNING


def test_each_missed_occurrence_is_held(story: Story) -> None:
    story.approved(DAILY)
    runs = [run for _ in range(5) for run in fire_due(story.session, now=DUE + timedelta(days=3, hours=2))]
    assert [run.state for run in runs] == [RunState.HELD] * 4
    assert len({run.occurrence for run in runs}) == 4


def test_changed_text_is_held_and_sent_back_to_draft(story: Story) -> None:
    story.approved()
    story.campaign.message.translations[1].text = "Інший текст. ((hotline))"
    (run,) = fire_due(story.session, now=DUE)
    assert (run.state, story.campaign.state) == (RunState.HELD, CampaignState.DRAFT)
    assert "changed since it was approved" in str(run.reason)
    assert story.is_sound()


def test_withdrawn_version_is_held_although_it_is_approved(story: Story) -> None:
    """Whoever withdrew it, and however: approvals over it need not be void."""
    story.approved()
    message = story.campaign.message
    withdraw_version(story.session, message, message.version, by=story.reader.id, reason="A wrong number.")
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.HELD
    assert "withdrawn" in str(run.reason)
    with pytest.raises(RefusedError, match="withdrawn"):
        service.let_run_start(story.session, run, by=story.approver.id)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "change",
    [
        lambda campaign: setattr(campaign.audience, "rule", {"languages": ["uk"]}),
        lambda campaign: setattr(campaign.sender, "identity", "+48123456789"),
        lambda campaign: setattr(campaign, "max_parts", 9),
        lambda campaign: setattr(campaign, "link", "https://example.org/"),
        lambda campaign: setattr(campaign.schedules[0], "expires_after_minutes", 5),
        lambda campaign: setattr(campaign, "resend_unknown", True),
    ],
)
def test_nothing_unapproved_starts(story: Story, change: object) -> None:
    """Whatever reached the rows past the verbs, the digest of the start finds it."""
    story.approved()
    change(story.campaign)  # type: ignore[operator]
    story.session.flush()
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.HELD


def test_new_pace_of_the_sender_is_no_change(story: Story) -> None:
    story.approved()
    story.campaign.sender.pace = 1.0
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.PLANNING


@pytest.mark.parametrize(("people", "more", "state"), [(40, 2, RunState.PLANNING), (40, 3, RunState.HELD)])
def test_grown_audience_is_held(session: Session, vault: Vault, people: int, more: int, state: RunState) -> None:
    story = a_story(session, vault, people=people)
    story.approved()
    more_people(story, vault, more)
    (run,) = fire_due(session, now=DUE)
    assert run.state == state


def test_red_gate_at_the_start_is_held(story: Story) -> None:
    """When the hour comes nobody can be named to people of that country, not even an emergency number."""
    story.approved()
    story.session.scalars(select(Region)).one().country = "AF"
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.HELD
    assert "no verified service" in str(run.reason)


def test_recipients_zones_fire_at_the_earliest(session: Session, vault: Vault) -> None:
    story = a_story(session, vault, zones=("Europe/Warsaw", "Asia/Kathmandu"))
    schedule = story.approved(replace(DAILY, zone_policy=ZonePolicy.RECIPIENT))
    earliest = datetime(2026, 3, 2, 12, 15, tzinfo=START.tzinfo)
    (run,) = fire_due(session, now=earliest)
    assert FrozenRun.from_json(run.frozen).zone_policy == "recipient"
    assert schedule.next_fire_at == earliest + timedelta(days=1)


def test_release_sends_what_is_approved_now(story: Story) -> None:
    """Changed, held, approved again, released: the run carries the new text."""
    story.approved(DAILY)
    story.campaign.message.translations[1].text = "Інший текст. ((hotline))"
    (run,) = fire_due(story.session, now=DUE)
    with pytest.raises(ApprovalError, match="approved again"):
        service.let_run_start(story.session, run, by=story.approver.id)
    digest = story.submitted()
    service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)
    service.let_run_start(story.session, run, by=story.approver.id)
    assert (run.state, run.reason, run.digest) == (RunState.PLANNING, None, digest)
    assert FrozenRun.from_json(run.frozen).texts["uk"].startswith("Інший")
    assert entries_about(story.session, run) == ["run.hold", "run.let_start"]


def test_released_number_is_the_new_measure(session: Session, vault: Vault) -> None:
    story = a_story(session, vault)
    story.approved(DAILY)
    more_people(story, vault, 2)
    (first,) = fire_due(session, now=DUE)
    service.let_run_start(session, first, by=story.approver.id)
    (second,) = fire_due(session, now=DUE + timedelta(days=1))
    assert second.state == RunState.PLANNING


def test_release_is_for_another_reviewer(story: Story) -> None:
    run = held(story)
    with pytest.raises(ForbiddenError):
        service.let_run_start(story.session, run, by=story.author.id)
    both = a_member(story.session, story.organisation, Role.AUTHOR, Role.APPROVER)
    service.update_campaign(
        story.session, story.campaign, plan=replace(plan_of(story.campaign), max_parts=2), by=both.id
    )
    with pytest.raises(ApprovalError):
        service.let_run_start(story.session, run, by=both.id)


def test_release_asks_the_gates_again(story: Story) -> None:
    run = held(story)
    story.session.scalars(select(Region)).one().country = "AF"
    with pytest.raises(GateError, match="no verified service"):
        service.let_run_start(story.session, run, by=story.approver.id)
    assert run.state == RunState.HELD


def test_anyone_but_viewers_stops(story: Story) -> None:
    run = a_run(story.session, story.campaign)
    viewer = a_member(story.session, story.organisation, Role.VIEWER)
    with pytest.raises(ForbiddenError):
        service.stop_run(story.session, run, by=viewer.id)
    responder = a_member(story.session, story.organisation, Role.RESPONDER)
    service.stop_run(story.session, run, by=responder.id, reason=Sentence(N_("Wrong number in it.")))
    assert (run.state, run.reason, run.finished_at) == (
        RunState.STOPPED,
        Sentence(N_("Wrong number in it.")),
        START,
    )
    with pytest.raises(TransitionError, match="is stopped"):
        service.stop_run(story.session, run, by=responder.id)
    assert entries_about(story.session, run) == ["run.stop"]


@pytest.mark.both_databases
def test_pause_tells_why_and_only_reviewers_resume(story: Story) -> None:
    run = a_run(story.session, story.campaign)
    service.pause_run(story.session, run, reason=Sentence(N_("The provider refuses our key.")))
    assert (run.state, run.reason) == (RunState.PAUSED, Sentence(N_("The provider refuses our key.")))
    service.ask_to_resume(story.session, run, by=story.author.id)
    with pytest.raises(ForbiddenError):
        service.resume_run(story.session, run, by=story.author.id)
    service.resume_run(story.session, run, by=story.approver.id)
    assert (run.state, run.reason, run.paused_by_itself) == (RunState.RUNNING, None, False)
    assert entries_about(story.session, run) == ["run.pause", "run.ask_to_resume", "run.resume"]


def test_two_members_resume_what_paused_by_itself(story: Story) -> None:
    run = a_run(story.session, story.campaign)
    service.pause_run(story.session, run, reason=Sentence(N_("Too many failed.")))
    with pytest.raises(ApprovalError):
        service.resume_run(story.session, run, by=story.approver.id)
    service.ask_to_resume(story.session, run, by=story.approver.id)
    with pytest.raises(TransitionError, match="asked for this already"):
        service.ask_to_resume(story.session, run, by=story.author.id)
    with pytest.raises(ApprovalError):
        service.resume_run(story.session, run, by=story.approver.id)
    other = a_member(story.session, story.organisation, Role.APPROVER)
    service.resume_run(story.session, run, by=other.id)
    assert run.state == RunState.RUNNING


def test_stop_does_not_spare_the_second_member(story: Story) -> None:
    run = a_run(story.session, story.campaign)
    service.pause_run(story.session, run, reason=Sentence(N_("Too many failed.")))
    service.stop_run(story.session, run, by=story.author.id)
    with pytest.raises(ApprovalError):
        service.resume_run(story.session, run, by=story.approver.id)


def test_one_member_resumes_what_a_member_paused(story: Story) -> None:
    run = a_run(story.session, story.campaign)
    service.pause_run(story.session, run, by=story.author.id, reason=Sentence(N_("I want to look.")))
    with pytest.raises(TransitionError, match="was not paused automatically"):
        service.ask_to_resume(story.session, run, by=story.author.id)
    service.resume_run(story.session, run, by=story.approver.id)
    assert run.state == RunState.RUNNING


@pytest.mark.both_databases
def test_only_reviewers_put_a_run_first(story: Story) -> None:
    story.approved()
    (run,) = fire_due(story.session, now=DUE)
    with pytest.raises(ForbiddenError):
        service.hurry_run(story.session, run, by=story.author.id)
    service.hurry_run(story.session, run, by=story.approver.id)
    story.session.expire_all()
    assert run.priority == Priority.FIRST
    assert entries_about(story.session, run) == ["run.fire", "run.hurry"]


@pytest.mark.parametrize("over", [RunState.STOPPED, RunState.DONE])
def test_run_that_is_over_cannot_be_put_first(story: Story, over: RunState) -> None:
    run = a_run(story.session, story.campaign, state=over)
    with pytest.raises(TransitionError):
        service.hurry_run(story.session, run, by=story.approver.id)
    assert run.priority == Priority.ORDINARY


def test_held_run_that_was_stopped_is_held_again(story: Story) -> None:
    """To stop and to resume it asks neither gates nor whoever approves: so neither may let it start."""
    run = held(story)
    service.stop_run(story.session, run, by=story.author.id)
    service.resume_run(story.session, run, by=story.approver.id)
    assert (run.state, run.finished_at) == (RunState.HELD, None)
    assert "before it began" in str(run.reason)
    story.session.scalars(select(Region)).one().country = "AF"
    with pytest.raises(GateError):
        service.let_run_start(story.session, run, by=story.approver.id)


def test_run_that_was_stopped_at_its_start_is_let_start_once_more(story: Story) -> None:
    story.approved()
    (run,) = fire_due(story.session, now=DUE)
    expected = story.session.scalars(select(RunCost.coming_micros)).all()
    service.stop_run(story.session, run, by=story.author.id)
    service.resume_run(story.session, run, by=story.approver.id)
    assert story.session.scalars(select(RunCost)).all() == []
    service.let_run_start(story.session, run, by=story.approver.id)
    assert run.state == RunState.PLANNING
    assert story.session.scalars(select(RunCost.coming_micros)).all() == expected


def test_stopped_fan_out_is_resumed_where_it_was(story: Story) -> None:
    run = a_run(story.session, story.campaign, state=RunState.PLANNING, started_at=None)
    run.planned_through = 1
    service.stop_run(story.session, run, by=story.author.id)
    service.resume_run(story.session, run, by=story.approver.id)
    assert (run.state, run.finished_at) == (RunState.PLANNING, None)


def test_two_times_of_one_campaign_both_fire(story: Story) -> None:
    story.scheduled()
    story.approved(replace(EVENING, starts_at=EVENING.starts_at + timedelta(hours=1)))
    assert len(fire_due(story.session, now=DUE)) == 1
    assert len(fire_due(story.session, now=DUE + timedelta(hours=1))) == 1


def test_one_schedule_can_be_fired_alone(story: Story) -> None:
    first = story.scheduled()
    second = story.approved(Timing(DUE.replace(tzinfo=None), None, ZonePolicy.FIXED, "Europe/London"))
    (run,) = fire_due(story.session, now=DUE, only=first.id)
    assert run.schedule_id == first.id
    assert second.next_fire_at == DUE


def test_unreadable_audience_is_held(story: Story) -> None:
    story.campaign.audience.rule = {"nonsense": 1}
    story.scheduled()
    with pytest.raises(GateError, match="nonsense"):
        story.submitted()
    story.campaign.audience.rule = {}
    digest = story.submitted()
    service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)
    story.campaign.audience.rule = {"nonsense": 1}
    (run,) = fire_due(story.session, now=DUE)
    assert run.state == RunState.HELD
