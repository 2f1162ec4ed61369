"""An approver is told what changed, how long an approval holds, and why the campaign came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import ContactGroup
from campaigns.places.models import Place, Route
from campaigns.planning import queries
from campaigns.planning.approvals.changes import Changes, changes_between
from campaigns.planning.campaign_content import Content
from campaigns.planning.models import Approval, Campaign, CampaignState, Decision, Priority, Run, RunState
from campaigns.staff.queries import load_member_names


@dataclass(frozen=True, slots=True)
class Review:
    """What stands beside a campaign that is to be decided on."""

    #: The latest approval that told what was approved, and in what that differs; None: it was never approved.
    before: Approval | None
    changes: Changes | None
    #: Names of the places, routes and groups that either speaks of, by id.
    places: dict[int, str]
    routes: dict[int, str]
    groups: dict[int, str]
    #: When an approval given or held now is no longer enough to start; None: it was sent under it already.
    runs_out_at: datetime | None
    #: The decision by which it came back to its authors, while it is a draft since.
    returned: Approval | None


def load_review(
    session: Session, campaign: Campaign, content: Content, *, now: datetime, valid_days: int
) -> Review:
    """Return what approvers and authors are told of `campaign`, whose content is `content`, at `now` (UTC)."""
    before, approval = queries.find_approved_before(session, campaign), queries.find_approval(session, campaign)
    told, now_said = (before.content or {}) if before else {}, content.to_json()
    rules = [told.get("rule") or {}, content.rule]
    sent = approval is not None and queries.was_sent_since(session, approval)
    decided_at = approval.decided_at if approval else now
    return Review(
        before=before,
        changes=changes_between(told, now_said) if before else None,
        places=_names(session, Place, {each for rule in rules for each in rule.get("place_ids", ())}),
        routes=_names(
            session, Route, {part["route_id"] for rule in rules for part in rule.get("route_parts", ())}
        ),
        groups=_names(session, ContactGroup, {each for rule in rules for each in rule.get("group_ids", ())}),
        runs_out_at=None if sent else decided_at + timedelta(days=valid_days),
        returned=_returned(session, campaign),
    )


def find_urgency(session: Session, run: Run) -> tuple[Approval, str] | None:
    """Return the approval by which a run is urgent, and the name of who gave it; None for every other run.

    A held run is as urgent as the approval in force, under which it may be let start.
    """
    if run.state == RunState.HELD:
        found = _urgent_in_force(session, run)
    elif run.is_urgent:
        found = _granted(session, run)
    else:
        return None
    names = load_member_names(session, [found.member_id] if found else [])
    return (found, names.get(found.member_id, "")) if found else None


def _urgent_in_force(session: Session, run: Run) -> Approval | None:
    campaign = session.get(Campaign, run.campaign_id)
    if campaign is None or run.is_rehearsal or run.priority >= Priority.FIRST:
        return None
    approval = queries.find_approval(session, campaign)
    return approval if approval is not None and approval.as_urgent else None


def _granted(session: Session, run: Run) -> Approval | None:
    """Return the first one of what the run sends that was not void before it; letting it start is a later one."""
    of_it = (Approval.campaign_id == run.campaign_id, Approval.digest == run.digest, Approval.as_urgent)
    was_in_force = or_(Approval.voided_at.is_(None), Approval.voided_at > run.created_at)
    return session.scalar(select(Approval).where(*of_it, was_in_force).order_by(Approval.id).limit(1))


def _returned(session: Session, campaign: Campaign) -> Approval | None:
    latest = select(Approval).where(Approval.campaign_id == campaign.id).order_by(Approval.id.desc()).limit(1)
    found = session.scalar(latest)
    is_returned = found is not None and found.decision == Decision.RETURNED
    return found if is_returned and campaign.state == CampaignState.DRAFT else None


def _names(session: Session, model: Any, ids: set[int]) -> dict[int, str]:
    if not ids:
        return {}
    rows: Mapping[int, str] = dict(session.execute(select(model.id, model.name).where(model.id.in_(ids))).all())
    return dict(rows)
