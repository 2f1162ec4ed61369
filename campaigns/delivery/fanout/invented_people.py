"""A rehearsal's people are invented from its plan alone, so that it tells nothing of anybody who is there.

Twenty for each language and sender that the plan has, spread over its places. No contact and no address is read:
how many people a rehearsal writes to, and in which languages, says what the campaign is made of, never whom it
would find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.audience.rules import UNKNOWN_ZONE, AudienceRule
from campaigns.core.small_numbers import SMALLEST_SHOWN
from campaigns.delivery.fanout.sender_options import choices_of
from campaigns.delivery.rehearsal_addresses import USUAL_COUNTRY, nobodys
from campaigns.places.models import Place, Region, Waypoint
from campaigns.planning.campaign_content import FrozenRun
from campaigns.planning.models import Run
from campaigns.staff.queries import owned

#: Invented people of one rehearsal at most, and places over which they are spread.
MOST_INVENTED, MOST_SPOTS = 1000, 20


@dataclass(frozen=True, slots=True)
class Spot:
    """Where invented people are: ids of a place and its region (0: none), and the region's country."""

    place_id: int = 0
    region_id: int = 0
    country: str | None = None


def invent_people(
    session: Session, run: Run, frozen: FrozenRun, *, after: int, through: int
) -> list[dict[str, Any]]:
    """Return the invented people with a number in (after, through], as rows of the fan-out's people.

    Their contacts and addresses have ids below 0, so that they are nobody's.
    """
    spots = _find_spots(session, run.organisation_id, AudienceRule.from_json(frozen.rule))
    kinds = [
        (sender, language)
        for sender, language in product(choices_of(run, frozen), sorted(frozen.texts))
        if sender.active and (sender.template_languages is None or language in sender.template_languages)
    ]
    each = max(1, min(SMALLEST_SHOWN, MOST_INVENTED // max(len(kinds), 1)))
    people = []
    for number, ((sender, language), nth) in enumerate(product(kinds, range(each)), start=1):
        if after < number <= min(through, MOST_INVENTED):
            spot = spots[nth % len(spots)]
            country = _country_of(sender.channel, sender.countries, spot, nth)
            people.append(
                {
                    "contact_id": -number,
                    "address_id": nobodys(country),
                    "channel": str(sender.channel),
                    "sender_id": sender.id,
                    "language": language,
                    "region_id": spot.region_id,
                    "time_zone": UNKNOWN_ZONE,
                    "place_id": spot.place_id,
                    "roaming": (country or "") != (spot.country or "?"),
                    "number_country": country or "",
                    "reason": None,
                }
            )
    return people


def _country_of(channel: Channel, covered: Sequence[str], spot: Spot, nth: int) -> str | None:
    """Return the country of an invented number: in turn one that the sender covers, where it names some."""
    if channel is Channel.TELEGRAM:
        return None
    return covered[nth % len(covered)] if covered else spot.country or USUAL_COUNTRY


def _find_spots(session: Session, organisation_id: int, rule: AudienceRule) -> list[Spot]:
    """Return the places of a rule, else its regions, else those of the organisation's places."""
    routes = [part.route_id for part in rule.route_parts]
    stops = select(Waypoint.place_id).where(Waypoint.route_id.in_(routes))
    places = owned(select(Place.id, Region.id, Region.country), Place, organisation_id).outerjoin(
        Region, Region.id == Place.region_id
    )
    named = places.where(or_(Place.id.in_(rule.place_ids), Place.id.in_(stops))).order_by(Place.id)
    found = [
        Spot(place_id, region_id or 0, country)
        for place_id, region_id, country in session.execute(named.limit(MOST_SPOTS))
    ]
    if found:
        return found
    regions = session.execute(_select_regions(organisation_id, rule).order_by(Region.id).limit(MOST_SPOTS))
    return [Spot(0, region_id, country) for region_id, country in regions] or [Spot()]


def _select_regions(organisation_id: int, rule: AudienceRule) -> Select[int, str]:
    regions = select(Region.id, Region.country)
    if rule.region_codes or rule.countries:
        codes = or_(Region.code.in_(rule.region_codes), Region.parent_code.in_(rule.region_codes))
        return regions.where(or_(codes, Region.country.in_(rule.countries)))
    return regions.where(Region.id.in_(owned(select(Place.region_id), Place, organisation_id)))
