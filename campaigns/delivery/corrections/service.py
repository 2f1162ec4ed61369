"""A correction withdraws the wrong version, stops what still sends it, and tells those who got it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import GateError, InputError, RefusedError
from campaigns.core.sentences import LanguageName, Sentence
from campaigns.core.words import N_
from campaigns.delivery.fanout.correction_recipients import find_said_versions, find_wrong_runs
from campaigns.delivery.models import LONGEST_REASON
from campaigns.messages.models import Message, Withdrawal
from campaigns.messages.named import NamedNumbers, kinds_in
from campaigns.messages.translations.withdrawals import find_withdrawal, withdraw_version
from campaigns.messages.translations.withdrawn_copies import find_withdrawn_languages
from campaigns.planning import queries
from campaigns.planning.approvals import four_eyes
from campaigns.planning.approvals.voiding import void_approvals
from campaigns.planning.campaign_content import NO_CAP, Content, ScheduleContent
from campaigns.planning.correcting import CORRECTION_WITHDRAWN, correction_texts, find_correction_of_sent
from campaigns.planning.draft import MOST_PARTS
from campaigns.planning.models import (
    EXPIRES_AFTER_MINUTES,
    Approval,
    Campaign,
    CampaignState,
    Priority,
    Run,
    RunState,
    ZonePolicy,
)
from campaigns.planning.runs.firing import freeze_run
from campaigns.planning.runs.runs_of_withdrawn import pause_copies, pause_other_versions
from campaigns.staff import audit
from campaigns.staff.models import Organisation
from campaigns.staff.permissions import Permission
from campaigns.staff.queries import load_member_names

#: What a run that said something wrong says of itself.
WITHDRAWN = N_("What it says was withdrawn, and is corrected.")


@dataclass(frozen=True, slots=True)
class CorrectionOutlook:
    """What a page says of correcting a run."""

    #: The prepared correction by language; empty: none is prepared.
    texts: dict[str, str]
    #: Languages in which what it says was withdrawn itself: as it is, it cannot be sent.
    withdrawn_in: tuple[str, ...]
    #: Runs of the organisation that say the same, this one among them.
    runs: int
    withdrawal: Withdrawal | None
    #: Who withdrew it.
    name: str
    #: The correction that was sent.
    correction_id: int | None


def outlook_of(session: Session, run: Run) -> CorrectionOutlook:
    """Return what correcting `run` would mean, or what became of it."""
    wrong = find_wrong_runs(session, run)
    sent = select(Run.id).where(Run.corrects_id.in_(wrong)).order_by(Run.id.desc()).limit(1)
    withdrawal = find_withdrawal(session, int(run.frozen.get("message_id", 0)), run.message_version)
    names = load_member_names(session, [withdrawal.member_id] if withdrawal else [])
    correction = find_correction_of_sent(session, run.campaign)
    texts = correction_texts(correction, _languages_of([run]))
    return CorrectionOutlook(
        texts=texts,
        withdrawn_in=find_withdrawn_languages(session, correction, texts) if correction else (),
        runs=len(wrong),
        withdrawal=withdrawal,
        name=names.get(withdrawal.member_id, "") if withdrawal else "",
        correction_id=session.scalar(sent),
    )


def send_correction(session: Session, run: Run, *, by: int, reason: str) -> Run:
    """Withdraw what `run` says and send its campaign's correction to exactly those who got that version.

    In one transaction: every run of the organisation with that version, or with another that says the same, stops,
    approvals over it are void, and the correction is ready to be planned before everything else. Partners' runs
    that say the same in their copies pause. Raises InputError without a reason, ForbiddenError without the right
    to review, GateError without a prepared correction that stands, RefusedError for a rehearsal, a correction or a
    version that was corrected already, ApprovalError when who sends wrote one nobody approved.
    """
    words = reason.strip()
    if not words or len(words) > LONGEST_REASON:
        raise InputError(N_("Say in at most %(limit)s characters what is wrong."), limit=LONGEST_REASON)
    message = session.get_one(Message, int(run.frozen["message_id"]))
    # Runs before campaigns, as a release holds them; then those that a clock made of a campaign meanwhile.
    _hold_runs(session, find_wrong_runs(session, run))
    campaigns = _hold_campaigns(session, message, run)
    # No version comes meanwhile that would not be withdrawn with the others.
    session.refresh(message, with_for_update=True)
    runs = _hold_runs(session, find_wrong_runs(session, run))
    campaign = campaigns[run.campaign.id]
    # Found before the campaign is a draft again, which may be corrected by another message; then read once more
    # with what it says, so that its version is that of its texts.
    found = find_correction_of_sent(session, campaign)
    content = queries.load_content(session, campaign, sent_in=_languages_of(runs))
    right = _check(session, run, content, campaign, found, by=by)
    wrong = _withdraw(session, message, run, by=by, reason=words)
    stopped = _stop(session, runs)
    if message.version in wrong:
        _void(session, message, campaigns.values())
    correction = _make_run(session, run, campaign, _corrected_content(right, content, runs))
    audit.record(
        session,
        "run.correct",
        subject=run,
        organisation_id=run.organisation_id,
        member_id=by,
        correction_id=correction.id,
        stopped=stopped,
    )
    return correction


def _hold_runs(session: Session, ids: Sequence[int]) -> Sequence[Run]:
    rows = select(Run).where(Run.id.in_(ids)).order_by(Run.id).with_for_update(of=Run)
    return session.scalars(rows.execution_options(populate_existing=True)).all()


def _languages_of(runs: Iterable[Run]) -> set[str]:
    """Return the languages in which runs said it, whatever the campaign says by now."""
    return {language for run in runs for language in run.frozen.get("texts", {})}


def _hold_campaigns(session: Session, message: Message, run: Run) -> dict[int, Campaign]:
    """Hold every campaign of the message, and the run's own, which may have another one by now."""
    rows = select(Campaign).where(or_(Campaign.message_id == message.id, Campaign.id == run.campaign_id))
    held = rows.order_by(Campaign.id).with_for_update(of=Campaign).execution_options(populate_existing=True)
    return {campaign.id: campaign for campaign in session.scalars(held)}


def _check(
    session: Session, run: Run, content: Content, campaign: Campaign, right: Message | None, *, by: int
) -> Message:
    """Return `right`, which corrects the run, or raise what `send_correction` does."""
    four_eyes.check_permission(session, by, organisation_id=run.organisation_id, permission=Permission.REVIEW)
    if run.is_rehearsal or run.corrects_id is not None:
        raise RefusedError(N_("Only a run to people, which is no correction itself, can be corrected."))
    if right is not None and right.id in (campaign.message_id, run.frozen["message_id"]):
        raise RefusedError(N_("A message cannot correct itself: choose another one."))
    if right is None or not content.correction:
        raise GateError(N_("No reviewed correction is prepared. Have its message reviewed first."))
    if withdrawn := find_withdrawn_languages(session, right, content.correction):
        raise GateError(CORRECTION_WITHDRAWN, languages=tuple(map(LanguageName, withdrawn)))
    approved = session.scalar(
        select(Approval.content).where(Approval.campaign_id == campaign.id, Approval.digest == run.digest).limit(1)
    )
    before = approved or {}
    numbers = NamedNumbers.from_json(content.numbers)
    has_new_number = bool(kinds_in(content.correction.values())) and numbers.beyond(
        NamedNumbers.from_json(before.get("numbers", {}))
    )
    known = before.get("correction", {})
    is_known = all(known.get(language) == text for language, text in content.correction.items())
    if not is_known or has_new_number:
        four_eyes.check_no_editor(session, campaign, by)
    return right


def _withdraw(session: Session, message: Message, run: Run, *, by: int, reason: str) -> set[int]:
    """Withdraw what a run says, pause what says it in copies and other versions, and return its versions."""
    wrong = find_said_versions(session, run)
    if not withdraw_version(session, message, run.message_version, by=by, reason=reason, alike=wrong):
        raise RefusedError(N_("This version was withdrawn and corrected already."))
    for version in sorted(wrong):
        pause_copies(session, message.id, version)
    pause_other_versions(session, message.id, session.get_one(Withdrawal, (message.id, run.message_version)))
    return wrong


def _stop(session: Session, runs: Sequence[Run]) -> list[int]:
    """Stop every run that says it, also those that are done: nothing of them may be queued again."""
    going = [run for run in runs if run.state != RunState.STOPPED]
    for run in going:
        run.finished_at = run.finished_at or clock.now()
        run.state, run.reason = RunState.STOPPED, Sentence(WITHDRAWN)
        run.resume_asked_by_id = run.resume_asked_at = None
    session.flush()
    return [run.id for run in going]


def _void(session: Session, message: Message, campaigns: Iterable[Campaign]) -> None:
    """Return to draft what would send the message as it is."""
    for campaign in campaigns:
        is_ready = campaign.state in (CampaignState.SUBMITTED, CampaignState.APPROVED)
        if is_ready and campaign.message_id == message.id:
            void_approvals(session, campaign, now=clock.now())


def _corrected_content(message: Message, content: Content, runs: Sequence[Run]) -> Content:
    """Return what the correction `message` says, over the senders that the wrong runs had."""
    senders = {each.sender_id: each.sender for run in runs for each in run.ranked_senders}
    return replace(
        content,
        texts=content.correction,
        base_language=message.base_language,
        message_id=message.id,
        message_version=message.version,
        rule={},
        senders=tuple(queries.sender_content(sender) for sender in senders.values()),
        fallback_language=message.base_language if message.base_language in content.correction else None,
        # Whatever it costs: it was approved as it is.
        max_parts=MOST_PARTS,
        resend_unknown=False,
        schedules=(),
        correction={},
        # A correction says the same everywhere.
        wordings={},
    )


def _make_run(session: Session, run: Run, campaign: Campaign, content: Content) -> Run:
    now, zone = clock.now(), session.get_one(Organisation, run.organisation_id).time_zone
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0)
    correction = Run(
        organisation_id=run.organisation_id,
        campaign_id=campaign.id,
        schedule_id=None,
        corrects_id=run.id,
        occurrence=local,
        state=RunState.PLANNING,
        priority=Priority.FIRST,
        created_at=now,
    )
    freeze_run(session, correction, content, when=_at_once(local, zone), cap=NO_CAP)
    session.add(correction)
    session.flush()
    return correction


def _at_once(local: datetime, zone: str) -> ScheduleContent:
    return ScheduleContent(
        starts_at=local.isoformat(timespec="minutes"),
        recurrence=None,
        zone_policy=ZonePolicy.FIXED.value,
        time_zone=zone,
        grace_minutes=EXPIRES_AFTER_MINUTES,
        expires_after_minutes=EXPIRES_AFTER_MINUTES,
    )
