"""This finds the places and routes in use: campaigns that are submitted, approved or being sent name them.

A place at which a way to join hangs is in use too: whoever joins by it is taken to be there, and told who helps
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience, EntryPoint
from campaigns.audience.rules import AudienceRule
from campaigns.core.errors import AudienceRuleError
from campaigns.places.changes.guard import Used
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Campaign, CampaignState, Run
from campaigns.staff.queries import owned

#: Campaigns that wait for an approver, or are sent by themselves.
_COUNTED_ON = (CampaignState.SUBMITTED, CampaignState.APPROVED)


def find_used(session: Session, organisation_id: int) -> Used:
    """Return what of an organisation is in use; runs are asked for what they froze, whatever was edited since."""
    audiences = (
        owned(select(Audience.rule), Campaign, organisation_id)
        .join(Campaign, Campaign.audience_id == Audience.id)
        .where(Campaign.state.in_(_COUNTED_ON))
    )
    runs = owned(select(Run.frozen["rule"]), Run, organisation_id).where(Run.state.in_(LIVING), ~Run.is_rehearsal)
    rules = [rule for each in (audiences, runs) for rule in map(_read, session.scalars(each)) if rule is not None]
    hanging = owned(select(EntryPoint.place_id), EntryPoint, organisation_id).where(
        EntryPoint.removed_at.is_(None), EntryPoint.place_id.is_not(None)
    )
    named = {place_id for rule in rules for place_id in rule.place_ids}
    return Used(
        place_ids=frozenset(named.union(filter(None, session.scalars(hanging)))),
        route_ids=frozenset(part.route_id for rule in rules for part in rule.route_parts),
    )


def _read(stored: Mapping[str, Any]) -> AudienceRule | None:
    try:
        return AudienceRule.from_json(stored)
    except AudienceRuleError:
        # Nobody is written to by it.
        return None
