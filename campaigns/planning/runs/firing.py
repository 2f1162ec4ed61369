"""A due schedule makes a run, frozen or held with the reason; the verbs by which members move runs are here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, takewhile
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.core.errors import (
    ApprovalError,
    DamagedDataError,
    GateError,
    RefusedError,
    TransitionError,
)
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.messages.gates import WITHDRAWN
from campaigns.messages.translations.withdrawals import find_withdrawal
from campaigns.planning import queries
from campaigns.planning.approvals import four_eyes
from campaigns.planning.approvals.approved_people import forget_people
from campaigns.planning.approvals.decision_rows import decide
from campaigns.planning.approvals.voiding import void_approvals
from campaigns.planning.campaign_content import Cap, Content, FrozenRun, ScheduleContent
from campaigns.planning.covers import MOVED, accept_cover
from campaigns.planning.estimates.counted_people import CountedPeople, keep_audience
from campaigns.planning.estimates.sender_choices import load_templates
from campaigns.planning.gates.approved_numbers import as_approved
from campaigns.planning.gates.assessment import Assessment, FindFaults, assess_start, no_faults
from campaigns.planning.lifecycle import check_move
from campaigns.planning.models import (
    Approval,
    Campaign,
    CampaignState,
    Decision,
    Priority,
    Run,
    RunSender,
    RunState,
    Schedule,
)
from campaigns.planning.policy import USUAL, Policy
from campaigns.planning.runs.held_runs import CHANGED, NOT_BEGUN, reason_to_hold
from campaigns.planning.schedules.recurrence import Firing, firing_after, firings_after, next_firings
from campaigns.planning.spending.service import expect_cost, forget_cost
from campaigns.staff import audit
from campaigns.staff.permissions import Permission

MISSED = Sentence(
    N_("Its time came while the campaign was being changed and was not approved. Is it still true and useful?")
)


def fire_due(
    session: Session,
    *,
    now: datetime,
    only: int | None = None,
    policy: Policy = USUAL,
    find_faults: FindFaults = no_faults,
) -> list[Run]:
    """Make a run of each occurrence that is due by `now` (aware UTC); `only` names the one schedule to look at.

    Any number of clocks may call this at once: rows that another clock holds are skipped, and an occurrence
    that has its run already is only passed over. Each schedule moves on by one occurrence a call.
    `find_faults` says which senders lack a credential.
    """
    due = queries.select_due(now).with_for_update(skip_locked=True, of=(Schedule, Campaign))
    if only is not None:
        due = due.where(Schedule.id == only)
    check = partial(assess_start, session, now=now, policy=policy, find_faults=find_faults)
    fire = partial(_fire, session, check=check, now=now, policy=policy)
    runs = [fire(schedule) for schedule in session.scalars(due).all()]
    return [run for run in runs if run is not None]


def let_run_start(
    session: Session,
    run: Run,
    *,
    by: int,
    policy: Policy = USUAL,
    find_faults: FindFaults = no_faults,
    counted: CountedPeople | None = None,
) -> None:
    """Let a held run start, with the content as it is approved now; a worker may have `counted` its people.

    Raises TransitionError when it is not held, ForbiddenError without the right to review, ApprovalError when
    what would be sent is not what was approved or the member wrote part of it, GateError for a red gate.
    """
    campaign = check_may_start(session, run, by=by)
    schedule = session.get_one(Schedule, run.schedule_id)
    now, tally = clock.now(), counted.tally if counted else None
    start = assess_start(session, campaign, schedule, now=now, policy=policy, find_faults=find_faults, tally=tally)
    approval = queries.find_approval(session, campaign)
    if campaign.state != CampaignState.APPROVED or approval is None:
        raise ApprovalError(CHANGED)
    # Numbers that came since are what the member releases it with.
    if approval.digest != as_approved(start.content, approval).digest:
        raise ApprovalError(CHANGED)
    check_not_withdrawn(session, start.content.message_id, start.content.message_version)
    if start.red:
        raise GateError.telling(start.faults)
    # The old order leaves the database first: two senders that change places would meet in it.
    run.ranked_senders.clear()
    session.flush()
    before, when = FrozenRun.from_json(run.frozen), queries.schedule_content(schedule)
    freeze_run(session, run, start.content, when=when, cap=before.cap, keeps_quiet=before.keeps_quiet)
    run.state, run.reason, run.priority = RunState.PLANNING, None, _priority_of(approval, run.priority)
    expect_cost(session, run, start.estimate.usd, now=now)
    # A release is an approval: of what is sent now, and of the people later runs are compared with.
    about: Any = {"content": start.content, "people": start.tally.people, "as_urgent": approval.as_urgent}
    released = decide(session, campaign, Decision.APPROVED, by=by, at=now, **about)
    if _is_to_come(campaign):
        keep_audience(session, released, start.content, campaign.organisation_id, now=now, counted=counted)
    _record(session, run, "run.let_start", by, people=start.tally.people)


def check_may_start(session: Session, run: Run, *, by: int) -> Campaign:
    """Hold the run and its campaign, which is returned.

    Raises RefusedError where no count of its people would let the member start it.
    """
    _begin(session, run, RunState.PLANNING, by, Permission.REVIEW)
    campaign = four_eyes.hold(session, session.get_one(Campaign, run.campaign_id))
    if run.schedule_id is None:
        raise TransitionError(N_("A rehearsal never waits to start, so it cannot be let start."))
    four_eyes.check_no_editor(session, campaign, by)
    return campaign


def stop_run(session: Session, run: Run, *, by: int | None, reason: Sentence | None = None) -> None:
    """Stop a run: nothing more of it is sent; `by` is None when the operator stops it by a command.

    Raises TransitionError when it is over already.
    """
    _begin(session, run, RunState.STOPPED, by, Permission.STOP_RUN)
    _check_goes_on(run)
    run.state, run.reason, run.finished_at = RunState.STOPPED, reason, clock.now()
    _record(session, run, "run.stop", by, **({"by_command": 1} if by is None else {}))


def pause_run(session: Session, run: Run, *, by: int | None = None, reason: Sentence) -> None:
    """Pause a run until somebody resumes it; `by` is None when the engine itself pauses it."""
    _begin(session, run, RunState.PAUSED, by, Permission.STOP_RUN)
    _pause(session, run, by=by, reason=reason)


def pause_again(session: Session, run: Run, *, reason: Sentence) -> None:
    """Pause a run for what was found since, also one that is paused: two members let it go on, knowing of it."""
    four_eyes.hold(session, run)
    if run.state != RunState.PAUSED:
        check_move(run.state, RunState.PAUSED)
    _pause(session, run, by=None, reason=reason)


def _pause(session: Session, run: Run, *, by: int | None, reason: Sentence) -> None:
    run.state, run.reason = RunState.PAUSED, reason
    run.paused_by_itself, run.resume_asked_by_id, run.resume_asked_at = by is None, None, None
    _record(session, run, "run.pause", by)


def ask_to_resume(session: Session, run: Run, *, by: int) -> None:
    """Ask that a run which paused by itself goes on; another member confirms it with `resume_run`.

    Raises TransitionError for a run that one member may resume, or that somebody asked for already.
    """
    after = RunState.PLANNING if run.started_at is None else RunState.RUNNING
    _begin(session, run, after, by, Permission.STOP_RUN)
    if not run.paused_by_itself:
        raise TransitionError(N_("This run was not paused automatically: an approver can resume it."))
    if run.resume_asked_by_id is not None:
        raise TransitionError(N_("Somebody has asked for this already. Another member confirms it."))
    check_not_withdrawn(session, int(run.frozen.get("message_id", 0)), run.message_version)
    run.resume_asked_by_id, run.resume_asked_at = by, clock.now()
    _record(session, run, "run.ask_to_resume", by)


def resume_run(session: Session, run: Run, *, by: int) -> None:
    """Let a paused or stopped run go on where it was: in its fan-out, in its sending, or held.

    A scheduled one that was stopped before anything of it was planned may never have been let start, so it waits
    for that. Moves the run only: members resume it by `delivery.renewing.resume`, which sees to it that its texts
    hold today, and delivery queues the rows again that a stop cancelled. Raises ApprovalError for a run that
    paused by itself when nobody has asked for this, or only the same member; RefusedError when what it says was
    withdrawn.
    """
    after = RunState.PLANNING if run.started_at is None else RunState.RUNNING
    is_planned = run.started_at is not None or run.planned_through
    if run.state == RunState.STOPPED and run.schedule_id is not None and not is_planned:
        after = RunState.HELD
    _begin(session, run, after, by, Permission.REVIEW)
    check_not_withdrawn(session, int(run.frozen.get("message_id", 0)), run.message_version)
    if run.paused_by_itself and run.resume_asked_by_id in (None, by):
        raise ApprovalError(
            N_("It was paused automatically: one member asks to resume it, and another one confirms.")
        )
    if run.reason == Sentence(MOVED):
        accept_cover(session, run)
    reason = Sentence(NOT_BEGUN) if after == RunState.HELD else None
    if reason is not None:
        forget_cost(session, run)
    run.state, run.reason, run.finished_at = after, reason, None
    run.paused_by_itself, run.resume_asked_by_id, run.resume_asked_at = False, None, None
    _record(session, run, "run.resume", by)


def hurry_run(session: Session, run: Run, *, by: int) -> None:
    """Put a run before every other that waits for the same senders, because people need it now: a correction.

    Raises TransitionError when it is over, ForbiddenError without the right to review.
    """
    # What may still be stopped has something left to send.
    _begin(session, run, RunState.STOPPED, by, Permission.REVIEW)
    _check_goes_on(run)
    run.priority = Priority.FIRST
    _record(session, run, "run.hurry", by)


def aim(schedule: Schedule, zones: Collection[str], *, after: datetime) -> None:
    """Set the schedule's next occurrence and its instant, later than `after`; None when nothing is left."""
    coming = next_firings(queries.timing_of(schedule), sorted(zones), after=after, count=1)
    write_firing(schedule, coming[0] if coming else None)


def _fire(
    session: Session,
    schedule: Schedule,
    *,
    check: Callable[[Campaign, Schedule], Assessment],
    now: datetime,
    policy: Policy,
) -> Run | None:
    """Make the run of the schedule's next occurrence and aim at the one after; None when it had its run."""
    campaign, occurrence = schedule.campaign, schedule.next_occurrence
    if occurrence is None:
        raise DamagedDataError(f"Schedule {schedule.id} is due, but says no occurrence.")
    start = check(campaign, schedule)
    approval = queries.find_approval(session, campaign)
    content = as_approved(start.content, approval) if approval else start.content
    reason = reason_to_hold(session, schedule, start, approval, now, valid_days=policy.approval_valid_days)
    if reason == Sentence(CHANGED):
        void_approvals(session, campaign, now=now)
    following = firing_after(queries.timing_of(schedule), start.tally.zones, occurrence=occurrence)
    write_firing(schedule, following)
    # So that the schedule moves on even when the run exists.
    session.flush()
    if not _is_to_come(campaign):
        forget_people(session, campaign.id)
    run = _make_run(
        session, schedule, occurrence, content, reason, now=now, policy=policy, priority=_priority_of(approval)
    )
    if run is not None and run.state == RunState.PLANNING:
        expect_cost(session, run, start.estimate.usd, now=now)
    return run


def _priority_of(approval: Approval | None, before: int = Priority.ORDINARY) -> int:
    if before >= Priority.FIRST:
        return before
    return Priority.URGENT if approval is not None and approval.as_urgent else Priority.ORDINARY


def _is_to_come(campaign: Campaign) -> bool:
    """Say whether anything of a campaign fires yet, to be compared with what was approved."""
    return any(schedule.next_fire_at is not None for schedule in campaign.schedules)


def hold_missed(
    session: Session, schedule: Schedule, start: Assessment, *, now: datetime, policy: Policy
) -> list[Run]:
    """Make a held run of each occurrence that passed, within the grace, while the campaign was not approved.

    The schedule must have been approved before: its times were promised. Its next occurrence is the one after.
    """
    occurrence, fire_at = schedule.next_occurrence, schedule.next_fire_at
    if occurrence is None or fire_at is None:
        return []
    # In one go: each search for the next one begins with the first of all, and a year has 8,760 hours.
    later = firings_after(queries.timing_of(schedule), start.tally.zones, occurrence=occurrence)
    passed = takewhile(lambda each: each.fire_at <= now, chain((Firing(occurrence, fire_at),), later))
    grace = timedelta(minutes=schedule.grace_minutes)
    missed = [each.occurrence for each in passed if now - each.fire_at <= grace]
    made = (_make_run(session, schedule, each, start.content, MISSED, now=now, policy=policy) for each in missed)
    return [run for run in made if run is not None]


def _make_run(
    session: Session,
    schedule: Schedule,
    occurrence: datetime,
    content: Content,
    reason: Sentence | None,
    *,
    now: datetime,
    policy: Policy,
    priority: int = Priority.ORDINARY,
) -> Run | None:
    """Make the run of an occurrence, held for `reason` if there is one; None when it has its run."""
    run = Run(
        organisation_id=schedule.campaign.organisation_id,
        campaign_id=schedule.campaign_id,
        schedule_id=schedule.id,
        occurrence=occurrence,
        state=RunState.HELD if reason else RunState.PLANNING,
        reason=reason,
        priority=priority,
        created_at=now,
    )
    when = queries.schedule_content(schedule)
    freeze_run(session, run, content, when=when, cap=policy.cap, keeps_quiet=policy.keeps_quiet)
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:
        return None
    urgent = {"urgent": 1} if run.is_urgent else {}
    _record(session, run, "run.hold" if reason else "run.fire", None, **urgent)
    return run


def freeze_run(
    session: Session,
    run: Run,
    content: Content,
    *,
    when: ScheduleContent,
    cap: Cap,
    keeps_quiet: bool = False,
) -> None:
    """Copy into the run everything it needs, as it is now; `run` holds no senders before.

    Only a run that `keeps_quiet` waits for the end of quiet hours: a rehearsal and a correction do not.
    """
    run.ranked_senders = [_run_sender(rank, sender) for rank, sender in enumerate(content.senders)]
    run.sender_id, run.channel = run.ranked_senders[0].sender_id, run.ranked_senders[0].channel
    run.digest = content.digest
    run.message_version = content.message_version
    frozen = content.freeze(when, load_templates(session, content), cap=cap, keeps_quiet=keeps_quiet)
    run.frozen = frozen.to_json()


def _run_sender(rank: int, sender: Mapping[str, Any]) -> RunSender:
    channel = Channel(sender["channel"])
    return RunSender(rank=rank, sender_id=sender["id"], channel=channel, countries=sender["countries"])


def write_firing(schedule: Schedule, firing: Firing | None) -> None:
    """Set what a schedule fires next and when; None: nothing is left."""
    schedule.next_occurrence = firing.occurrence if firing else None
    schedule.next_fire_at = firing.fire_at if firing else None


def _begin(session: Session, run: Run, after: RunState, by: int | None, permission: Permission) -> None:
    """Hold the run, and check that it may move to `after` and that the member may move it."""
    four_eyes.hold(session, run)
    check_move(run.state, after)
    if by is not None:
        four_eyes.check_permission(session, by, organisation_id=run.organisation_id, permission=permission)


def _check_goes_on(run: Run) -> None:
    """Raise TransitionError for a run that is done: only a correction stops such a one."""
    if run.state == RunState.DONE:
        check_move(run.state, RunState.PAUSED)


def check_not_withdrawn(session: Session, message_id: int, version: int) -> None:
    """Raise RefusedError when this version of a message was withdrawn."""
    if find_withdrawal(session, message_id, version) is not None:
        raise RefusedError(WITHDRAWN)


def _record(session: Session, run: Run, action: str, by: int | None, **detail: int) -> None:
    audit.record(
        session,
        action,
        subject=run,
        organisation_id=run.organisation_id,
        member_id=by,
        campaign_id=run.campaign_id,
        **detail,
    )
