"""A rehearsal is a run to the sandbox on this machine, at once for everybody, and needs no approval."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.core.errors import InputError
from campaigns.core.words import N_
from campaigns.planning import queries
from campaigns.planning.campaign_content import NO_CAP, Cap, ScheduleContent
from campaigns.planning.models import EXPIRES_AFTER_MINUTES, Campaign, Run, RunState, ZonePolicy
from campaigns.planning.runs.firing import freeze_run
from campaigns.staff import audit
from campaigns.staff.models import Organisation


def rehearse(session: Session, campaign: Campaign, *, by: int, now: datetime, cap: Cap = NO_CAP) -> Run:
    """Make a run to the sandbox of what the campaign would send now (aware UTC), all of it due at once.

    Needs no approval and changes nothing of the campaign. Raises InputError when no text may be sent yet,
    AudienceRuleError for an audience that cannot be read.
    """
    content = queries.load_content(session, campaign)
    if not content.texts:
        raise InputError(N_("There is no reviewed text to rehearse with. Have the message reviewed first."))
    AudienceRule.from_json(content.rule)
    zone = session.get_one(Organisation, campaign.organisation_id).time_zone
    local = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)
    run = Run(
        organisation_id=campaign.organisation_id,
        campaign_id=campaign.id,
        schedule_id=None,
        occurrence=local,
        state=RunState.PLANNING,
        created_at=now,
        is_rehearsal=True,
    )
    freeze_run(session, run, content, when=_at_once(local, zone), cap=cap)
    session.add(run)
    session.flush()
    audit.record(
        session,
        "run.rehearse",
        subject=run,
        organisation_id=campaign.organisation_id,
        member_id=by,
        campaign_id=campaign.id,
    )
    return run


def _at_once(local: datetime, zone: str) -> ScheduleContent:
    """Return a time that has come for everybody: one clock counts, whatever the campaign's own times say."""
    return ScheduleContent(
        starts_at=local.isoformat(timespec="minutes"),
        recurrence=None,
        zone_policy=ZonePolicy.FIXED.value,
        time_zone=zone,
        grace_minutes=EXPIRES_AFTER_MINUTES,
        expires_after_minutes=EXPIRES_AFTER_MINUTES,
    )
