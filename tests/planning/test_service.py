"""A campaign from draft to approval: gates, another member, exact content, and edits that undo it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.audience.service import duplicate_audience, update_audience
from campaigns.core import clock
from campaigns.core.errors import (
    ApprovalError,
    ForbiddenError,
    GateError,
    InputError,
    NotFoundError,
    ScheduleError,
    TransitionError,
)
from campaigns.core.keys.crypto import Vault
from campaigns.messages.service import save_translation
from campaigns.planning import service
from campaigns.planning.draft import Plan, plan_of
from campaigns.planning.models import CampaignState, Decision, FallbackPolicy, ZonePolicy
from campaigns.planning.queries import find_approval
from campaigns.planning.schedules.recurrence import Timing
from campaigns.staff.audit import verify_chain
from campaigns.staff.models import AuditEntry, Role
from tests.factories import a_contact, a_member, a_sender, an_address, an_organisation, safeguarded
from tests.planning.story import DUE, EVENING, START, Story, a_story

pytestmark = [pytest.mark.one_database, pytest.mark.usefixtures("at_the_start")]


def entries(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def test_approval_keeps_digest_and_people(story: Story) -> None:
    schedule = story.approved()
    approval = find_approval(story.session, story.campaign)
    assert approval is not None
    assert (approval.people, approval.member_id) == (3, story.approver.id)
    assert story.campaign.state == CampaignState.APPROVED
    assert (schedule.next_occurrence, schedule.next_fire_at) == (EVENING.starts_at, DUE)
    assert story.is_sound()


@pytest.mark.both_databases
def test_each_verb_leaves_one_entry(story: Story) -> None:
    session, campaign, author, approver = story.session, story.campaign, story.author.id, story.approver.id
    verbs: dict[str, Callable[[], object]] = {
        "campaign.schedule": lambda: story.scheduled(),
        "campaign.submit": lambda: story.submitted(),
        "campaign.return": lambda: service.return_campaign(session, campaign, by=approver, reason="Too long."),
        "campaign.accept_left_out": lambda: service.accept_left_out(session, campaign, by=author),
        "campaign.update": lambda: service.update_campaign(
            session, campaign, plan=replace(plan_of(campaign), max_parts=4), by=author
        ),
        "campaign.duplicate": lambda: service.duplicate_campaign(session, campaign, by=author),
        "campaign.unschedule": lambda: service.remove_schedule(session, campaign.schedules[0], by=author),
        "campaign.archive": lambda: service.archive_campaign(session, campaign, by=author),
        "campaign.take_back": lambda: service.take_back_campaign(session, campaign, by=author),
        "campaign.create": lambda: service.create_campaign(
            session, story.organisation.id, plan=plan_of(campaign), by=author
        ),
    }
    for action, verb in verbs.items():
        before = entries(session)
        verb()
        assert entries(session) == before + 1
        assert session.scalar(select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(1)) == action
    assert verify_chain(session) is None


def test_author_cannot_approve(story: Story) -> None:
    story.scheduled()
    digest = story.submitted()
    both = a_member(story.session, story.organisation, Role.AUTHOR, Role.APPROVER)
    service.update_campaign(
        story.session, story.campaign, plan=replace(plan_of(story.campaign), max_parts=2), by=both.id
    )
    digest = story.submitted()
    with pytest.raises(ApprovalError, match="Another member"):
        service.approve_campaign(story.session, story.campaign, by=both.id, digest=digest)
    assert story.campaign.state == CampaignState.SUBMITTED


@pytest.mark.both_databases
def test_writer_of_an_audience_cannot_approve_with_a_copy_of_its_copy(story: Story) -> None:
    session, original = story.session, story.campaign.audience
    first = a_member(session, story.organisation, Role.AUTHOR, Role.APPROVER)
    update_audience(session, original, name="Border", rule=AudienceRule.from_json(original.rule), by=first.id)
    copy = duplicate_audience(session, original, by=story.author.id)
    story.campaign.audience = duplicate_audience(session, copy, by=story.author.id)
    story.scheduled()
    digest = story.submitted()
    with pytest.raises(ApprovalError, match="wrote part"):
        service.approve_campaign(session, story.campaign, by=first.id, digest=digest)
    service.approve_campaign(session, story.campaign, by=story.approver.id, digest=digest)


def test_translator_of_the_message_cannot_approve(story: Story) -> None:
    story.campaign.message.translations[1].translator_id = story.approver.id
    story.campaign.message.translations[1].reviewer_id = story.author.id
    story.scheduled()
    digest = story.submitted()
    with pytest.raises(ApprovalError, match="wrote part"):
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)


@pytest.mark.parametrize("roles", [(Role.AUTHOR,), (Role.VIEWER, Role.STEWARD), (Role.ADMIN,)])
def test_only_reviewers_approve(story: Story, roles: tuple[Role, ...]) -> None:
    story.scheduled()
    digest = story.submitted()
    other = a_member(story.session, story.organisation, *roles)
    with pytest.raises(ForbiddenError):
        service.approve_campaign(story.session, story.campaign, by=other.id, digest=digest)


def test_foreign_reviewer_is_forbidden(story: Story) -> None:
    story.scheduled()
    digest = story.submitted()
    stranger = a_member(story.session, an_organisation(story.session), Role.APPROVER)
    with pytest.raises(ForbiddenError):
        service.approve_campaign(story.session, story.campaign, by=stranger.id, digest=digest)


def test_only_what_was_read_is_approved(story: Story) -> None:
    """The message changes between reading and approving: the approver is told, nothing is approved."""
    story.scheduled()
    digest = story.submitted()
    story.campaign.message.translations[1].text = "Інший текст. ((hotline))"
    safeguarded(story.session, story.campaign, story.reader)
    with pytest.raises(ApprovalError, match="while you read it"):
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)


@pytest.mark.both_databases
def test_unreviewed_text_closes_the_gates(story: Story) -> None:
    story.scheduled()
    digest = story.submitted()
    save_translation(
        story.session, story.campaign.message, language="uk", text="Новий текст. ((hotline))", by=story.author.id
    )
    with pytest.raises(GateError, match="Ukrainian"):
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)


def test_any_edit_voids_the_approval(story: Story) -> None:
    story.approved()
    service.update_campaign(
        story.session, story.campaign, plan=replace(plan_of(story.campaign), max_parts=2), by=story.author.id
    )
    assert story.campaign.state == CampaignState.DRAFT
    assert find_approval(story.session, story.campaign) is None


def test_saving_without_a_change_keeps_the_approval(story: Story) -> None:
    story.approved()
    before = entries(story.session)
    service.update_campaign(story.session, story.campaign, plan=plan_of(story.campaign), by=story.author.id)
    assert story.campaign.state == CampaignState.APPROVED
    assert entries(story.session) == before


def test_new_time_voids_the_approval(story: Story) -> None:
    schedule = story.approved()
    service.remove_schedule(story.session, schedule, by=story.author.id)
    assert story.campaign.state == CampaignState.DRAFT
    assert story.campaign.schedules == []
    assert schedule.next_fire_at is None
    with pytest.raises(GateError, match="No time is set"):
        story.submitted()


def test_return_needs_a_reason(story: Story) -> None:
    story.scheduled()
    story.submitted()
    with pytest.raises(InputError, match="what has to change"):
        service.return_campaign(story.session, story.campaign, by=story.approver.id, reason="  ")
    returned = service.return_campaign(story.session, story.campaign, by=story.approver.id, reason="Say 112.")
    assert (returned.decision, story.campaign.state) == (Decision.RETURNED, CampaignState.DRAFT)


@pytest.mark.parametrize("state", [CampaignState.DRAFT, CampaignState.APPROVED, CampaignState.ARCHIVED])
def test_only_submitted_campaigns_are_decided_on(story: Story, state: CampaignState) -> None:
    story.campaign.state = state
    with pytest.raises(TransitionError):
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest="")
    with pytest.raises(TransitionError):
        service.return_campaign(story.session, story.campaign, by=story.approver.id, reason="No.")


def test_archived_campaign_is_not_edited(story: Story) -> None:
    service.archive_campaign(story.session, story.campaign, by=story.author.id)
    with pytest.raises(TransitionError, match="archived"):
        story.scheduled()


def test_red_gates_are_told_together(story: Story, vault: Vault) -> None:
    """Twenty-five Polish readers without a text, a sender that is off and no time: one sentence each."""
    for number in range(25):
        contact = a_contact(story.session, story.organisation, language="pl")
        an_address(story.session, contact, vault, number=f"+4860{number:07}")
    story.campaign.sender.active = False
    with pytest.raises(GateError) as refused:
        story.submitted()
    for words in ("30 people would be left out", "Polish", "switched off", "No time is set"):
        assert words in str(refused.value)
    assert story.campaign.state == CampaignState.DRAFT


def test_left_out_people_are_agreed_to_by_number(story: Story, vault: Vault) -> None:
    contact = a_contact(story.session, story.organisation, language="pl")
    an_address(story.session, contact, vault, number="+48600000000")
    story.scheduled()
    with pytest.raises(GateError, match="fewer than 20 people would be left out"):
        story.submitted()
    assert service.accept_left_out(story.session, story.campaign, by=story.author.id) == 1
    story.submitted()


@pytest.mark.both_databases
def test_other_audience_forgets_what_was_agreed(story: Story) -> None:
    service.accept_left_out(story.session, story.campaign, by=story.author.id)
    plan = replace(plan_of(story.campaign), fallback_policy=FallbackPolicy.BASE_LANGUAGE)
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)
    assert story.campaign.accepted_left_out is None


@pytest.mark.both_databases
def test_fallback_language_reaches_everybody(story: Story, vault: Vault) -> None:
    contact = a_contact(story.session, story.organisation, language="pl", region_id=None)
    an_address(story.session, contact, vault, number="+48600000000")
    story.scheduled()
    plan = replace(plan_of(story.campaign), fallback_policy=FallbackPolicy.NAMED_LANGUAGE, fallback_language="en")
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)
    with pytest.raises(GateError, match="no verified service"):
        story.submitted()


def test_fallback_without_a_text_is_no_fallback(story: Story, vault: Vault) -> None:
    contact = a_contact(story.session, story.organisation, language="pl")
    an_address(story.session, contact, vault, number="+48600000000")
    story.scheduled()
    plan = replace(plan_of(story.campaign), fallback_policy=FallbackPolicy.NAMED_LANGUAGE, fallback_language="ro")
    service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)
    with pytest.raises(GateError, match="Polish"):
        story.submitted()


@pytest.mark.parametrize(("name", "words"), [("link", "asks for a link"), ("place", "names a place")])
def test_placeholders_without_a_value_are_red(story: Story, name: str, words: str) -> None:
    story.campaign.message.translations[1].text = f"Тут: (({name}))"
    with pytest.raises(GateError, match=words):
        story.submitted()
    story.campaign.message.translations[1].text = f"Тут: (({name}??тут))"
    with pytest.raises(GateError) as refused:
        story.submitted()
    assert words not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "  "},
        {"name": "x" * 201},
        {"max_parts": 0},
        {"max_parts": 11},
        {"link": "http://example.org"},
        {"link": "javascript:alert(1)"},
        {"link": "https://exam ple.org"},
        {"link": "https://[bad"},
        {"link": "https://example.org/" + "x" * 200},
        {"fallback_policy": FallbackPolicy.NAMED_LANGUAGE},
        {"fallback_policy": FallbackPolicy.NAMED_LANGUAGE, "fallback_language": "xx"},
    ],
)
def test_impossible_plans_are_told(story: Story, change: dict[str, object]) -> None:
    plan: Plan = replace(plan_of(story.campaign), **change)  # type: ignore[arg-type]
    with pytest.raises(InputError):
        service.create_campaign(story.session, story.organisation.id, plan=plan, by=story.author.id)


def test_foreign_parts_are_not_found(story: Story) -> None:
    other = an_organisation(story.session)
    with pytest.raises(NotFoundError):
        service.create_campaign(story.session, other.id, plan=plan_of(story.campaign), by=story.author.id)
    foreign = a_sender(story.session, organisation_id=other.id)
    plan = replace(plan_of(story.campaign), sender_ids=(foreign.id,))
    with pytest.raises(NotFoundError):
        service.update_campaign(story.session, story.campaign, plan=plan, by=story.author.id)


def test_past_time_is_refused_and_nothing_kept(story: Story) -> None:
    with pytest.raises(ScheduleError, match="in the past"):
        story.scheduled(replace(EVENING, starts_at=datetime(2026, 3, 2, 12, 59)))
    assert story.campaign.schedules == []


@pytest.mark.parametrize("limits", [{"grace_minutes": 0}, {"expires_after_minutes": 99999}])
def test_limits_stay_within_a_week(story: Story, limits: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="a week"):
        story.scheduled(**limits)


def test_time_passed_before_approval_is_red(story: Story) -> None:
    story.scheduled()
    digest = story.submitted()
    with clock.running_on(lambda: DUE + timedelta(minutes=1)), pytest.raises(GateError, match="time has passed"):
        service.approve_campaign(story.session, story.campaign, by=story.approver.id, digest=digest)


def test_recipients_zones_set_the_first_instant(session: Session, vault: Vault) -> None:
    story = a_story(session, vault, zones=("Europe/Warsaw", "Asia/Kathmandu"))
    schedule = story.approved(Timing(EVENING.starts_at, "FREQ=DAILY", ZonePolicy.RECIPIENT, "Europe/Warsaw"))
    assert schedule.next_fire_at == datetime(2026, 3, 2, 12, 15, tzinfo=START.tzinfo)


def test_codes_are_short_and_never_taken(story: Story) -> None:
    codes = {
        service.create_campaign(
            story.session, story.organisation.id, plan=plan_of(story.campaign), by=story.author.id
        ).code
        for _ in range(60)
    }
    assert len(codes) == 60
    assert max(map(len, codes)) <= 3


def test_copy_starts_without_times_or_approval(story: Story) -> None:
    story.approved()
    copy = service.duplicate_campaign(story.session, story.campaign, by=story.author.id)
    assert copy.state == CampaignState.DRAFT
    assert copy.schedules == []
    assert copy.code != story.campaign.code
    assert find_approval(story.session, copy) is None
