"""A mandate says where an organisation may write to people; this finds what of an audience lies outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.core.small_numbers import is_told
from campaigns.places.models import Place, Region, Waypoint
from campaigns.planning.estimates.audience_counts import Tally
from campaigns.staff.models import Organisation


def is_within(codes: Collection[str | None], mandate: Collection[str]) -> bool:
    """Say whether a region belongs to a mandate; `codes` are its own, its parent's, its country's."""
    return not set(mandate).isdisjoint(codes)


@dataclass(frozen=True, slots=True)
class Outside:
    """What of an audience is not, or not surely, where an organisation may write to people."""

    #: Codes of regions and countries outside: those that its rule means, and those with enough people in them.
    named: tuple[str, ...] = ()
    #: People are in further regions outside, of which none may be named: few are in each.
    has_few: bool = False
    #: People in no known region; 0 without a mandate.
    unplaced: int = 0


def find_outside(session: Session, organisation: Organisation, rule: AudienceRule, tally: Tally) -> Outside:
    """Return what of an audience lies outside the mandate; nothing does without one."""
    if organisation.mandate is None:
        return Outside()
    held: Counter[int] = Counter()
    for combination, people in tally.combinations().items():
        held[combination.region_id] += people
    is_named = _is_meant(rule, [region for region, people in held.items() if is_told(people)])
    columns = (Region.code, Region.parent_code, Region.country, is_named)
    meant = {
        code: ((code, parent, country), bool(named))
        for code, parent, country, named in session.execute(select(*columns).where(_is_meant(rule, held)))
    }
    meant |= {country: ((country, None, country), True) for country in rule.countries}
    outside = {code: named for code, (codes, named) in meant.items() if not is_within(codes, organisation.mandate)}
    named_codes = tuple(sorted(code for code, named in outside.items() if named))
    return Outside(named_codes, not all(outside.values()), held[0])


def _is_meant(rule: AudienceRule, held: Collection[int]) -> ColumnElement[bool]:
    """Match the regions that a rule names, those of its places and stops, and those that people are in."""
    routes = [part.route_id for part in rule.route_parts]
    stops = select(Waypoint.place_id).where(Waypoint.route_id.in_(routes))
    places = select(Place.region_id).where(or_(Place.id.in_(rule.place_ids), Place.id.in_(stops)))
    return or_(Region.id.in_(held), Region.code.in_(rule.region_codes), Region.id.in_(places))
