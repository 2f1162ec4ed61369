"""Reads on campaigns, senders, schedules and runs; what a campaign would send, read as one value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from campaigns.audience.models import Audience
from campaigns.audience.queries import find_rule_writers
from campaigns.core.errors import NotFoundError
from campaigns.core.sentences import Sentence
from campaigns.directory.stated import find_stating, find_stating_emergencies
from campaigns.messages.models import Message, Translation, TranslationWriter
from campaigns.messages.queries import current_wordings, drafted_texts, load_named
from campaigns.planning.campaign_content import Content, ScheduleContent
from campaigns.planning.correcting import (
    correction_texts,
    find_correction,
    find_correction_of_sent,
    follows_common,
    read_message,
    texts_of,
)
from campaigns.planning.covers import load_cover, say_place, select_authors
from campaigns.planning.links.counted_links import find_target, select_leading
from campaigns.planning.models import (
    Approval,
    Campaign,
    CampaignSender,
    CampaignState,
    Decision,
    FallbackPolicy,
    Run,
    RunState,
    Schedule,
    Sender,
)
from campaigns.planning.schedules.recurrence import Firing, Timing, next_firings
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned, select_actors

S = TypeVar("S", bound=Select[*tuple[Any, ...]])

#: Acts that make a member an author of what is sent, by what they were done on.
CAMPAIGN_EDITS = (
    "campaign.create",
    "campaign.update",
    "campaign.duplicate",
    "campaign.schedule",
    "campaign.unschedule",
    "campaign.submit",
    "campaign.correct",
)
#: Where a counted address leads, as long as one member alone could say so.
LINK_EDITS = ("reach.lead_link",)
COMMON_EDITS = ("correction.choose",)
MESSAGE_EDITS = ("message.create", "message.duplicate", "message.update", "message.translate")


def select_campaigns(organisation_id: int, *, archived: bool = False) -> Select[Campaign]:
    """Select an organisation's campaigns, archived ones or the others, newest first, with what a list shows."""
    is_archived = Campaign.state == CampaignState.ARCHIVED
    return (
        owned(select(Campaign), Campaign, organisation_id)
        .where(is_archived if archived else ~is_archived)
        .options(selectinload(Campaign.message), selectinload(Campaign.audience), selectinload(Campaign.schedules))
        .order_by(Campaign.id.desc())
    )


def load_campaign_names(session: Session, organisation_id: int) -> list[tuple[int, str]]:
    """Return the ids of an organisation's campaigns that are not archived, with name and code, newest first."""
    named = owned(select(Campaign.id, Campaign.name, Campaign.code), Campaign, organisation_id)
    rows = session.execute(named.where(Campaign.state != CampaignState.ARCHIVED).order_by(Campaign.id.desc()))
    return [(each.id, f"{each.name} ({each.code})") for each in rows]


def find_campaign(session: Session, slug: str, code: str) -> Campaign | None:
    """Return the campaign with this code of the organisation with this short name, or None."""
    named = select(Campaign).join(Organisation, Organisation.id == Campaign.organisation_id)
    return session.scalar(named.where(Organisation.slug == slug, Campaign.code == code.upper()))


def select_senders(organisation_id: int) -> Select[Sender]:
    """Select the senders an organisation may use: its own and the shared ones, by name."""
    usable = or_(Sender.organisation_id == organisation_id, Sender.organisation_id.is_(None))
    return select(Sender).where(usable).order_by(Sender.name, Sender.id)


def get_sender(session: Session, sender_id: int, organisation_id: int) -> Sender:
    """Return a sender the organisation may use. Raises NotFoundError alike for missing and foreign ones."""
    sender = session.scalar(select_senders(organisation_id).where(Sender.id == sender_id))
    if sender is None:
        raise NotFoundError("It does not exist, or is not yours to see.")
    return sender


def get_schedule(campaign: Campaign, schedule_id: int) -> Schedule:
    """Return one of a campaign's times. Raises NotFoundError for one that is another campaign's or removed."""
    schedule = next((row for row in campaign.schedules if row.id == schedule_id), None)
    if schedule is None:
        raise NotFoundError("It does not exist, or is not yours to see.")
    return schedule


def counts_as_reach() -> ColumnElement[bool]:
    """Match the runs that count as reach: those of campaigns to people, no rehearsals and no answers."""
    return and_(~Run.is_rehearsal, Run.campaign_id.is_not(None))


def was_sent() -> ColumnElement[bool]:
    """Match the runs of campaigns that wrote to anybody; one that ended empty or never began did not."""
    return and_(counts_as_reach(), Run.state != RunState.HELD, Run.planned > 0)


def select_runs(campaign_id: int) -> Select[Run]:
    """Select the runs of a campaign to people, newest first."""
    return select(Run).where(Run.campaign_id == campaign_id, ~Run.is_rehearsal).order_by(Run.id.desc())


def select_rehearsals(campaign_id: int) -> Select[Run]:
    """Select the rehearsals of a campaign, newest first."""
    return select(Run).where(Run.campaign_id == campaign_id, Run.is_rehearsal).order_by(Run.id.desc())


def select_due(now: datetime) -> Select[Schedule]:
    """Select the schedules of approved campaigns that fire by `now`, with their campaigns; longest due first."""
    return (
        _waiting(select(Schedule), now)
        .options(contains_eager(Schedule.campaign))
        .execution_options(populate_existing=True)
    )


def select_upcoming(until: datetime) -> Select[int, datetime | None]:
    """Select id and next firing of each schedule of an approved campaign that fires by `until`."""
    return _waiting(select(Schedule.id, Schedule.next_fire_at), until)


def _waiting(statement: S, until: datetime) -> S:
    return (
        statement.join(Schedule.campaign)
        .where(Campaign.state == CampaignState.APPROVED, Schedule.removed_at.is_(None))
        .where(Schedule.next_fire_at <= until)
        .order_by(Schedule.next_fire_at, Schedule.id)
    )


def find_approval(session: Session, campaign: Campaign) -> Approval | None:
    """Return the approval in force, or None."""
    return session.scalar(
        select(Approval)
        .where(Approval.campaign_id == campaign.id, Approval.decision == Decision.APPROVED)
        .where(Approval.voided_at.is_(None))
        .order_by(Approval.id.desc())
        .limit(1)
    )


def find_approved_before(session: Session, campaign: Campaign) -> Approval | None:
    """Return the latest approval, void or not, that tells what was approved; None: there is none."""
    return session.scalar(
        select(Approval)
        .where(Approval.campaign_id == campaign.id, Approval.decision == Decision.APPROVED)
        .where(Approval.content.is_not(None))
        .order_by(Approval.id.desc())
        .limit(1)
    )


def find_promised(session: Session, campaign: Campaign) -> list[Schedule]:
    """Return the campaign's schedules as the latest approval, void or not, had them: their times were promised."""
    approval = find_approved_before(session, campaign)
    known = (approval.content or {}).get("schedules", []) if approval else []
    return [schedule for schedule in campaign.schedules if schedule_content(schedule).to_json() in known]


def was_sent_since(session: Session, approval: Approval) -> bool:
    """Say whether a run to people started with exactly what was approved, and since then.

    One that a member let start was made before that release, which is an approval: it counts from the end of its
    fan-out, before which it writes to nobody.
    """
    started = select(Run.id).where(
        Run.campaign_id == approval.campaign_id,
        Run.digest == approval.digest,
        func.coalesce(Run.started_at, Run.created_at) >= approval.decided_at,
        Run.state != RunState.HELD,
        # One that waited to start and was stopped instead never began.
        or_(Run.state != RunState.STOPPED, Run.planned > 0),
        ~Run.is_rehearsal,
    )
    return session.scalar(started.limit(1)) is not None


def find_submitted(session: Session, organisation_id: int, *, most: int) -> list[tuple[int, str, bool]]:
    """Return (id, name, whether it is marked urgent) of the campaigns that wait for approval.

    The urgent ones come first, then those that have waited longest.
    """
    is_urgent = Campaign.urgent_reason.is_not(None)
    rows = session.execute(
        owned(select(Campaign.id, Campaign.name, is_urgent), Campaign, organisation_id)
        .where(Campaign.state == CampaignState.SUBMITTED)
        .order_by(is_urgent.desc(), Campaign.updated_at)
        .limit(most)
    )
    return [(campaign_id, name, bool(urgent)) for campaign_id, name, urgent in rows]


def find_held(session: Session, organisation_id: int, *, most: int) -> list[tuple[int, str, Sentence | None]]:
    """Return (id, campaign name, reason) of the runs that a person must release, oldest first."""
    rows = session.execute(
        owned(select(Run.id, Campaign.name, Run.reason), Run, organisation_id)
        .join(Campaign, Campaign.id == Run.campaign_id)
        .where(Run.state == RunState.HELD)
        .order_by(Run.id)
        .limit(most)
    )
    return [(run_id, name, reason) for run_id, name, reason in rows]


def find_editors(session: Session, campaign: Campaign) -> set[int]:
    """Return the ids of members who wrote any part of what it sends.

    That is the campaign, its messages, audience or places, and what is known of a service that it may name.
    """
    correction = find_correction(session, campaign)
    message_ids = [campaign.message_id, *([correction.id] if correction else [])]
    translations = session.scalars(select(Translation).where(Translation.message_id.in_(message_ids))).all()
    texts = [text for each in translations for text in (each.text, *each.wordings.values())]
    named = load_named(session, campaign.organisation_id, texts)
    places = select_authors(campaign.audience.rule, campaign.organisation_id)
    members = {campaign.created_by_id, *(each.translator_id for each in translations), *session.scalars(places)}
    members |= find_rule_writers(session, campaign.audience_id)
    members |= find_stating(session, named.services.keys())
    members |= find_stating_emergencies(session, campaign.organisation_id, named.emergency.keys())
    members |= set(session.scalars(select_leading(campaign)))
    writers = select(TranslationWriter.member_id).join(Translation).where(Translation.message_id.in_(message_ids))
    members.update(session.scalars(writers))
    for subject_type, subject_id, actions in (
        ("campaign", campaign.id, CAMPAIGN_EDITS + LINK_EDITS),
        *(("message", message_id, MESSAGE_EDITS) for message_id in message_ids),
    ):
        members.update(session.scalars(select_actors(subject_type, subject_id, actions)))
    if correction is not None and follows_common(campaign):
        # Whoever made it the organisation's chose it for this campaign, too.
        members.update(session.scalars(select_actors("message", correction.id, COMMON_EDITS)))
    return {member for member in members if member is not None}


def timing_of(schedule: Schedule) -> Timing:
    """Return a schedule as recurrence.py reads it."""
    times = (schedule.starts_at, schedule.recurrence, schedule.zone_policy, schedule.time_zone)
    return Timing(*times, on_approval=schedule.on_approval)


def firings_of(schedule: Schedule, present: Sequence[str], *, after: datetime, count: int) -> list[Firing]:
    """Return the next firings of a schedule, as `next_firings` does; one that started on approval has none."""
    if not schedule.on_approval or schedule.awaits_approval:
        return next_firings(timing_of(schedule), present, after=after, count=count)
    occurrence, fire_at = schedule.next_occurrence, schedule.next_fire_at
    return [Firing(occurrence, fire_at)] if occurrence is not None and fire_at is not None else []


def schedule_content(schedule: Schedule) -> ScheduleContent:
    """Return a schedule as it is approved."""
    return ScheduleContent(
        starts_at=schedule.starts_at.isoformat(timespec="minutes"),
        recurrence=schedule.recurrence,
        zone_policy=str(schedule.zone_policy),
        time_zone=schedule.time_zone,
        grace_minutes=schedule.grace_minutes,
        expires_after_minutes=schedule.expires_after_minutes,
        on_approval=schedule.on_approval,
    )


def load_content(session: Session, campaign: Campaign, *, sent_in: Collection[str] | None = None) -> Content:
    """Read anew what the campaign would send, and what corrects that or, if given, what was `sent_in` languages.

    Rows the session remembers from before its lock must not stand in for what is stored: what is digested
    here is what a run freezes.
    """
    message = read_message(session, campaign.message_id)
    audience = session.get_one(Audience, campaign.audience_id, populate_existing=True)
    schedules = session.scalars(
        select(Schedule)
        .where(Schedule.campaign_id == campaign.id, Schedule.removed_at.is_(None))
        .execution_options(populate_existing=True)
    )
    texts = drafted_texts(message) if campaign.is_example else texts_of(message)
    correction = _load_correction(session, campaign, texts, sent_in)
    fallback, wordings = fallback_of(campaign, message), current_wordings(message, texts)
    own = (word for words in wordings.values() for word in words.values())
    numbers = load_named(session, campaign.organisation_id, (*texts.values(), *correction.values(), *own))
    return Content(
        texts=texts,
        base_language=message.base_language,
        message_id=message.id,
        message_version=message.version,
        rule=audience.rule,
        senders=tuple(sender_content(sender) for sender in load_senders(session, campaign)),
        # A language without a text is nothing to fall back on: those people count as left out.
        fallback_language=fallback if fallback in texts else None,
        max_parts=campaign.max_parts,
        link=campaign.link,
        code=campaign.code,
        resend_unknown=campaign.resend_unknown,
        budget_cents=campaign.budget_cents,
        schedules=tuple(schedule_content(schedule) for schedule in schedules),
        correction=correction,
        wordings=wordings,
        cover=load_cover(session, audience.rule, campaign.organisation_id, names=say_place(texts, wordings)),
        leads_to=find_target(session, campaign),
        numbers=numbers.to_json(),
        urgent=campaign.urgent_reason or "",
    )


def _load_correction(
    session: Session, campaign: Campaign, texts: Collection[str], sent_in: Collection[str] | None
) -> dict[str, str]:
    if sent_in is None:
        return correction_texts(find_correction(session, campaign, texts), texts)
    return correction_texts(find_correction_of_sent(session, campaign), sent_in)


def load_senders(session: Session, campaign: Campaign) -> list[Sender]:
    """Read a campaign's senders anew, in their order; the campaign need not be saved yet."""
    ids = [each.sender_id for each in campaign.ranked_senders]
    if campaign.id is not None:
        ranked = select(CampaignSender.sender_id).where(CampaignSender.campaign_id == campaign.id)
        ids = list(session.scalars(ranked.order_by(CampaignSender.rank)))
    found = select(Sender).where(Sender.id.in_(ids)).execution_options(populate_existing=True)
    return sorted(session.scalars(found), key=lambda sender: ids.index(sender.id))


def fallback_of(campaign: Campaign, message: Message) -> str | None:
    """Return the language of people for whom there is no text, or None when they are left out."""
    match campaign.fallback_policy:
        case FallbackPolicy.DO_NOT_SEND:
            return None
        case FallbackPolicy.BASE_LANGUAGE:
            return message.base_language
        case FallbackPolicy.NAMED_LANGUAGE:
            return campaign.fallback_language


def default_zone_of(session: Session, campaign: Campaign) -> str:
    """Return the zone of contacts without a known one: the schedule's, else the organisation's."""
    if campaign.schedules:
        return campaign.schedules[0].time_zone
    return session.get_one(Organisation, campaign.organisation_id).time_zone


def sender_content(sender: Sender) -> dict[str, Any]:
    """Return a sender as Content holds it."""
    return {
        "id": sender.id,
        "channel": str(sender.channel),
        "gateway": sender.gateway,
        "identity": sender.identity,
        "secret_name": sender.secret_name,
        "countries": sorted(sender.countries),
    }
