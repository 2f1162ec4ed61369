"""By these verbs a campaign is written, scheduled, submitted and approved; each leaves one audit entry.

Whoever edits or decides holds the campaign's row until the transaction ends, so that approvals and edits follow
one another and never overlap. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from sqlalchemy.orm import Session

from campaigns.audience.models import Audience, Channel
from campaigns.core import clock
from campaigns.core.errors import ApprovalError, GateError, InputError, RefusedError, TransitionError
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.messages.models import Message
from campaigns.messages.queries import returned_of, unreviewed_of
from campaigns.planning import queries
from campaigns.planning.approvals import four_eyes
from campaigns.planning.approvals.approved_people import forget_people
from campaigns.planning.approvals.decision_rows import decide
from campaigns.planning.approvals.voiding import void_approvals
from campaigns.planning.campaign_codes import free_code
from campaigns.planning.do_no_harm.common_correction import adopt_common_correction
from campaigns.planning.draft import LONGEST_NAME, Plan, plan_of
from campaigns.planning.estimates.audience_counts import find_clocks, tally_of
from campaigns.planning.estimates.counted_people import CountedPeople, keep_audience
from campaigns.planning.gates.assessment import Assessment, assess
from campaigns.planning.gates.safety import FOR_APPROVERS
from campaigns.planning.lifecycle import check_move
from campaigns.planning.links.default_links import default_link, own_address
from campaigns.planning.models import EXPIRES_AFTER_MINUTES, Approval, Campaign, CampaignState, Decision, Schedule
from campaigns.planning.policy import USUAL, Policy
from campaigns.planning.runs.campaign_times import add_time, check_urgent, take_up_times
from campaigns.planning.runs.firing import (
    ask_to_resume,
    check_may_start,
    check_not_withdrawn,
    fire_due,
    hurry_run,
    let_run_start,
    pause_run,
    resume_run,
    stop_run,
)
from campaigns.planning.schedules.recurrence import Timing, check_schedule, normalised
from campaigns.staff import audit
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import get_owned

__all__ = [
    "accept_left_out",
    "approve_campaign",
    "archive_campaign",
    "ask_to_resume",
    "check_may_start",
    "create_campaign",
    "draft_of",
    "duplicate_campaign",
    "fire_due",
    "hurry_run",
    "let_run_start",
    "pause_run",
    "remove_schedule",
    "resume_run",
    "return_campaign",
    "schedule_campaign",
    "stop_run",
    "submit_campaign",
    "take_back_campaign",
    "update_campaign",
]

LONGEST_REASON, MINUTES_A_WEEK = 500, 7 * 24 * 60


def create_campaign(session: Session, organisation_id: int, *, plan: Plan, by: int, pages: str = "") -> Campaign:
    """Create a campaign as a draft; `pages` is as for `default_link`.

    Raises InputError for a plan that cannot be kept, NotFoundError when a part is another organisation's.
    """
    campaign = _new_campaign(session, organisation_id, plan, by)
    campaign.link = campaign.link or default_link(session, campaign.code, campaign.message_id, pages)
    _record(session, "campaign.create", campaign, by)
    return campaign


def draft_of(session: Session, organisation_id: int, plan: Plan) -> Campaign:
    """Return an unsaved campaign of `plan`, to count whom it would reach.

    Raises NotFoundError when a part is another organisation's, InputError for senders that do not go together.
    """
    _check_parts(session, organisation_id, plan)
    draft = Campaign(organisation_id=organisation_id, code="", state=CampaignState.DRAFT)
    plan.write_to(draft)
    return draft


def update_campaign(session: Session, campaign: Campaign, *, plan: Plan, by: int, pages: str = "") -> None:
    """Change a campaign; a change voids its approvals and returns it to draft, no change does nothing.

    Raises InputError, NotFoundError, or TransitionError for an archived campaign.
    """
    four_eyes.hold(session, campaign)
    checked = _checked(session, campaign.organisation_id, plan, own_address(campaign))
    checked = replace(checked, link=checked.link or default_link(session, campaign.code, plan.message_id, pages))
    if checked == plan_of(campaign):
        return
    check_urgent(campaign, checked.urgent_reason)
    _reopen(session, campaign)
    is_marked = checked.urgent_reason != campaign.urgent_reason
    urgency = {"urgent": int(checked.urgent_reason is not None)} if is_marked else {}
    if _asks_others(checked, plan_of(campaign)):
        campaign.accepted_left_out = None
    # The old order leaves the database first: two senders that change places would meet in it.
    campaign.ranked_senders.clear()
    session.flush()
    checked.write_to(campaign)
    if campaign.correction_id == campaign.message_id:
        # What corrected another message cannot correct itself.
        campaign.correction_id, campaign.correction_adopted = None, False
    _record(session, "campaign.update", campaign, by, **urgency)


def duplicate_campaign(session: Session, campaign: Campaign, *, by: int) -> Campaign:
    """Copy a campaign, without its times, its approvals and its own counted address, as a new draft."""
    name = f"{campaign.name[: LONGEST_NAME - 2]} 2"
    link = None if own_address(campaign) else campaign.link
    copy = _new_campaign(
        session, campaign.organisation_id, replace(plan_of(campaign), name=name, link=link, urgent_reason=None), by
    )
    if not campaign.correction_adopted:
        copy.correction_id = campaign.correction_id
    _record(session, "campaign.duplicate", copy, by, original_id=campaign.id)
    return copy


def schedule_campaign(
    session: Session,
    campaign: Campaign,
    *,
    timing: Timing,
    by: int,
    grace_minutes: int = 60,
    expires_after_minutes: int = EXPIRES_AFTER_MINUTES,
) -> Schedule:
    """Add a time at which the campaign is sent; voids its approvals.

    Raises ScheduleError for a time or recurrence that cannot fire, InputError for limits outside a week
    or a second time that starts on approval.
    """
    four_eyes.hold(session, campaign)
    timing = replace(timing, recurrence=normalised(timing.recurrence))
    for minutes in (grace_minutes, expires_after_minutes):
        if not 1 <= minutes <= MINUTES_A_WEEK:
            raise InputError(N_("A limit of time is between one minute and a week."))
    now = clock.now()
    zones = find_clocks(session, campaign, timing, now=now)
    check_schedule(timing, zones, now=now)
    check_urgent(campaign, campaign.urgent_reason, timing.recurrence)
    _reopen(session, campaign)
    schedule = Schedule(
        starts_at=timing.starts_at,
        recurrence=timing.recurrence,
        zone_policy=timing.zone_policy,
        time_zone=timing.time_zone,
        grace_minutes=grace_minutes,
        expires_after_minutes=expires_after_minutes,
        on_approval=timing.on_approval,
    )
    add_time(campaign, schedule, zones, now=now)
    session.flush()
    _record(session, "campaign.schedule", campaign, by, schedule_id=schedule.id)
    return schedule


def remove_schedule(session: Session, schedule: Schedule, *, by: int) -> None:
    """Take a time away; voids approvals. Runs it has made keep it."""
    campaign = four_eyes.hold(session, schedule.campaign)
    _reopen(session, campaign)
    schedule.removed_at = clock.now()
    schedule.next_occurrence = schedule.next_fire_at = None
    session.flush()
    session.expire(campaign, ["schedules"])
    _record(session, "campaign.unschedule", campaign, by, schedule_id=schedule.id)


def accept_left_out(session: Session, campaign: Campaign, *, by: int) -> int:
    """Agree that people without a text in their language are left out; return how many there are now.

    Raises RefusedError while a text that some of them can read waits for its review, or came back from it.
    """
    four_eyes.hold(session, campaign)
    _reopen(session, campaign)
    without_text = tally_of(session, campaign, now=clock.now()).without_text()
    if any(language in without_text for language in unreviewed_of(campaign.message)):
        raise RefusedError(N_("A text that they can read waits for review. Have it reviewed instead."))
    if any(language in without_text for language in returned_of(campaign.message)):
        raise RefusedError(N_("A text that they can read came back from review. Change it, and have it reviewed."))
    campaign.accepted_left_out = sum(without_text.values())
    _record(session, "campaign.accept_left_out", campaign, by, people=campaign.accepted_left_out)
    return campaign.accepted_left_out


def submit_campaign(
    session: Session,
    campaign: Campaign,
    *,
    by: int,
    policy: Policy = USUAL,
    unconnected: Collection[int] = (),
    counted: CountedPeople | None = None,
) -> Assessment:
    """Ask for approval. Its people are counted, unless a worker has `counted` them.

    Raises TransitionError unless it is a draft, GateError for a red gate besides harm.
    """
    check_may_submit(session, campaign, by=by)
    adopted = adopt_common_correction(session, campaign)
    check = partial(assess, session, campaign, now=clock.now(), policy=policy, unconnected=unconnected)
    assessed = _all_green(session, campaign, check, counted, besides=FOR_APPROVERS)
    _move(campaign, CampaignState.SUBMITTED)
    _record(session, "campaign.submit", campaign, by, digest=assessed.content.digest, **adopted)
    return assessed


def check_may_submit(session: Session, campaign: Campaign, *, by: int) -> None:
    """Hold the campaign and raise RefusedError where no count of its people would let it be submitted."""
    four_eyes.hold(session, campaign)
    four_eyes.check_permission(session, by, organisation_id=campaign.organisation_id, permission=Permission.EDIT)
    four_eyes.check_no_example(campaign)
    check_move(campaign.state, CampaignState.SUBMITTED)


def approve_campaign(
    session: Session,
    campaign: Campaign,
    *,
    by: int,
    digest: str,
    as_urgent: bool = False,
    policy: Policy = USUAL,
    unconnected: Collection[int] = (),
    counted: CountedPeople | None = None,
) -> Approval:
    """Approve exactly what `digest` names, which the member has read; the campaign then fires by itself.

    What fires while this is decided becomes a run afterwards. An occurrence that passed since the last approval,
    while the campaign was not approved, becomes a held run by this policy. Its people are counted and kept, unless
    a worker has `counted` them. Raises TransitionError unless it is submitted, ForbiddenError without the right to
    review, ApprovalError when the member wrote part of it or it is no longer what they read, GateError for a red
    gate.
    """
    check_may_approve(session, campaign, by=by)
    # One instant for all of it: a start that lies between two would be asked by neither.
    now = clock.now()
    check = partial(assess, session, campaign, now=now, policy=policy, unconnected=unconnected)
    assessed = _all_green(session, campaign, check, counted)
    if assessed.content.digest != digest:
        raise ApprovalError(N_("It was changed while you read it. Read it again before you approve it."))
    promised = queries.find_promised(session, campaign)
    content, people = assessed.content, assessed.tally.people
    is_urgent = as_urgent and bool(content.urgent)
    approval = decide(
        session, campaign, Decision.APPROVED, by=by, content=content, people=people, at=now, as_urgent=is_urgent
    )
    keep_audience(session, approval, content, campaign.organisation_id, now=now, counted=counted)
    _move(campaign, CampaignState.APPROVED)
    take_up_times(session, campaign, assessed, promised=promised, now=now, policy=policy)
    urgent = {"as_urgent": int(approval.as_urgent)} if content.urgent else {}
    _record(session, "campaign.approve", campaign, by, digest=digest, people=people, **urgent)
    return approval


def check_may_approve(session: Session, campaign: Campaign, *, by: int) -> None:
    """Hold the campaign and its sources, and raise RefusedError where no count would let the member approve it."""
    four_eyes.hold(session, campaign)
    check_move(campaign.state, CampaignState.APPROVED)
    _check_reviewer(session, campaign, by)
    four_eyes.hold_sources(session, campaign)
    four_eyes.check_no_editor(session, campaign, by)


def return_campaign(session: Session, campaign: Campaign, *, by: int, reason: str) -> Approval:
    """Give a submitted campaign back to its authors. Raises InputError without a reason."""
    words = reason.strip()
    if not words or len(words) > LONGEST_REASON:
        raise InputError(N_("Say in at most %(limit)s characters what has to change."), limit=LONGEST_REASON)
    four_eyes.hold(session, campaign)
    if campaign.state != CampaignState.SUBMITTED:
        raise TransitionError(N_("Only a campaign that waits for approval can be returned."))
    _check_reviewer(session, campaign, by)
    content = queries.load_content(session, campaign)
    now = clock.now()
    decision = decide(session, campaign, Decision.RETURNED, by=by, content=content, people=0, at=now, reason=words)
    _move(campaign, CampaignState.DRAFT)
    _record(session, "campaign.return", campaign, by)
    return decision


def take_back_campaign(session: Session, campaign: Campaign, *, by: int) -> None:
    """Return a submitted, approved or archived campaign to draft; voids its approvals."""
    four_eyes.hold(session, campaign)
    void_approvals(session, campaign, now=clock.now())
    campaign.updated_at = clock.now()
    _record(session, "campaign.take_back", campaign, by)


def archive_campaign(session: Session, campaign: Campaign, *, by: int) -> None:
    """Put a campaign away: it does not fire any more. Its runs go on."""
    four_eyes.hold(session, campaign)
    _move(campaign, CampaignState.ARCHIVED)
    forget_people(session, campaign.id)
    _record(session, "campaign.archive", campaign, by)


def _new_campaign(session: Session, organisation_id: int, plan: Plan, by: int) -> Campaign:
    checked, now = _checked(session, organisation_id, plan), clock.now()
    campaign = Campaign(
        organisation_id=organisation_id,
        code=free_code(session),
        state=CampaignState.DRAFT,
        created_by_id=by,
        created_at=now,
        updated_at=now,
    )
    checked.write_to(campaign)
    session.add(campaign)
    session.flush()
    return campaign


def _checked(session: Session, organisation_id: int, plan: Plan, own: str | None = None) -> Plan:
    """Check the plan and that everything it names is the organisation's."""
    _check_parts(session, organisation_id, plan)
    return plan.checked(own)


def _check_parts(session: Session, organisation_id: int, plan: Plan) -> None:
    get_owned(session, Message, plan.message_id, organisation_id)
    get_owned(session, Audience, plan.audience_id, organisation_id)
    senders = [queries.get_sender(session, sender_id, organisation_id) for sender_id in plan.sender_ids]
    accounts = {(each.gateway, each.secret_name) for each in senders if each.channel == Channel.WHATSAPP}
    if len(accounts) > 1:
        raise InputError(
            N_("The WhatsApp senders of a campaign belong to one account, which holds their templates.")
        )


def _asks_others(plan: Plan, before: Plan) -> bool:
    """Say whether other people may be left out than the author agreed to."""
    return any(
        getattr(plan, name) != getattr(before, name)
        for name in ("message_id", "audience_id", "sender_ids", "fallback_policy", "fallback_language")
    )


def _reopen(session: Session, campaign: Campaign) -> None:
    """Make the campaign a draft before it is edited; its row is held."""
    if campaign.state != CampaignState.DRAFT:
        if campaign.state == CampaignState.ARCHIVED:
            raise TransitionError(N_("This campaign is archived. Take it back to draft first."))
        void_approvals(session, campaign, now=clock.now())
    campaign.updated_at = clock.now()


def _move(campaign: Campaign, after: CampaignState) -> None:
    check_move(campaign.state, after)
    campaign.state, campaign.updated_at = after, clock.now()


def _all_green(
    session: Session,
    campaign: Campaign,
    check: Callable[..., Assessment],
    counted: CountedPeople | None,
    *,
    besides: Collection[str] = (),
) -> Assessment:
    check_not_withdrawn(session, campaign.message_id, campaign.message.version)
    assessed = check(tally=counted.tally if counted else None)
    if red := [gate.sentence for gate in assessed.red if gate.name not in besides]:
        raise GateError.telling(Sentence.together(red))
    return assessed


def _check_reviewer(session: Session, campaign: Campaign, by: int) -> None:
    organisation_id = campaign.organisation_id
    four_eyes.check_permission(session, by, organisation_id=organisation_id, permission=Permission.REVIEW)


def _record(session: Session, action: str, campaign: Campaign, by: int, **detail: int | str) -> None:
    audit.record(
        session, action, subject=campaign, organisation_id=campaign.organisation_id, member_id=by, **detail
    )
