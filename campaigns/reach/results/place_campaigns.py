"""The campaigns that are of a place: they name it in their audience, or enough people there were written to."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import ColumnElement, String, and_, cast, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience
from campaigns.audience.rules import AudienceRule
from campaigns.core.errors import AudienceRuleError
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.places.models import Place, Waypoint
from campaigns.places.place_story import CampaignThere
from campaigns.planning.models import Campaign, Run
from campaigns.planning.queries import was_sent
from campaigns.reach.counting.unique_people import Measure, Part
from campaigns.reach.models import PeopleReach, Scope
from campaigns.staff.queries import owned


def find_campaigns_at(session: Session, place: Place, *, most: int) -> list[CampaignThere]:
    """Return the campaigns of a place, what was sent or changed last first.

    One that wrote to few people there is left out, unless it names the place: that it is there would tell of them.
    """
    written = select(PeopleReach.scope_id).where(
        *(PeopleReach.scope == Scope.CAMPAIGN, PeopleReach.part == Part.PLACE, PeopleReach.key == str(place.id)),
        *(PeopleReach.measure == Measure.PLANNED, PeopleReach.people >= SMALLEST_SHOWN),
    )
    sent = and_(Run.campaign_id == Campaign.id, was_sent())
    sent_at = func.max(Run.created_at)
    rows = (
        owned(select(Campaign.id, Campaign.name, Campaign.state, sent_at), Campaign, place.organisation_id)
        .outerjoin(Run, sent)
        .where(or_(Campaign.id.in_(written), Campaign.audience_id.in_(_find_naming(session, place))))
        .where(~Campaign.is_example)
        .group_by(Campaign.id)
        .order_by(func.coalesce(sent_at, Campaign.updated_at).desc(), Campaign.id.desc())
        .limit(most)
    )
    return [CampaignThere(*row) for row in session.execute(rows)]


def _find_naming(session: Session, place: Place) -> list[int]:
    """Return the ids of the audiences that name a place, or a route through it."""
    routes = set(session.scalars(select(Waypoint.route_id).where(Waypoint.place_id == place.id)))
    rules = owned(select(Audience.id, Audience.rule), Audience, place.organisation_id)
    found = []
    for audience_id, stored in session.execute(rules.where(_may_name(place.id, routes))):
        # Nobody is written to by a rule that cannot be read.
        with suppress(AudienceRuleError):
            rule = AudienceRule.from_json(stored)
            if place.id in rule.place_ids or routes & {part.route_id for part in rule.route_parts}:
                found.append(audience_id)
    return found


def _may_name(place_id: int, route_ids: Iterable[int]) -> ColumnElement[bool]:
    """Match the rules in whose JSON the id of a place or route stands as a number of a list or a part.

    Those of all audiences are many to read; the few that are left may mean a group or a number of days.
    """
    stored = cast(Audience.rule, String)
    places = [f"{before}{place_id}{after}" for before in "[ " for after in ",]"]
    routes = [f'"route_id": {route_id}{after}' for route_id in route_ids for after in ",}"]
    return or_(*(stored.contains(words) for words in (*places, *routes)))
