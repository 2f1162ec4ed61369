"""A mandate says where an organisation may write to people; this finds what of an audience lies outside."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.places.models import Place, Region, Waypoint
from campaigns.planning.estimates.audience_counts import Tally
from campaigns.staff.models import Organisation


def is_within(codes: Collection[str | None], mandate: Collection[str]) -> bool:
    """Say whether a region belongs to a mandate; `codes` are its own, its parent's, its country's."""
    return not set(mandate).isdisjoint(codes)


def find_outside(
    session: Session, organisation: Organisation, rule: AudienceRule, tally: Tally
) -> tuple[list[str], int]:
    """Return the codes of regions and countries outside the mandate that the audience means or holds people in.

    With them comes how many people written to are in no known region; ([], 0) without a mandate.
    """
    if organisation.mandate is None:
        return [], 0
    held = {combination.region_id for combination in tally.combinations()}
    unplaced = sum(people for combination, people in tally.combinations().items() if not combination.region_id)
    codes = select(Region.code, Region.parent_code, Region.country).where(_is_meant(rule, held))
    meant = {code: (code, parent, country) for code, parent, country in session.execute(codes)}
    meant |= {country: (country, None, country) for country in rule.countries}
    return sorted(code for code, found in meant.items() if not is_within(found, organisation.mandate)), unplaced


def _is_meant(rule: AudienceRule, held: Collection[int]) -> ColumnElement[bool]:
    """Match the regions that a rule names, those of its places and stops, and those that people are in."""
    routes = [part.route_id for part in rule.route_parts]
    stops = select(Waypoint.place_id).where(Waypoint.route_id.in_(routes))
    places = select(Place.region_id).where(or_(Place.id.in_(rule.place_ids), Place.id.in_(stops)))
    return or_(Region.id.in_(held), Region.code.in_(rule.region_codes), Region.id.in_(places))
