"""Ad managers get a campaign's hotspots and stops as a sheet: where, and how wide a circle is."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.places.files.sheet_cells import write_sheet
from campaigns.places.geography.shapes import anchor_of, metres_between
from campaigns.places.models import Place, PlaceKind, Waypoint
from campaigns.places.queries import select_places
from campaigns.planning.models import Campaign

COLUMNS = ("name", "country", "latitude", "longitude", "radius_km")
#: Smallest and largest circle that ad managers take, in kilometres (Meta: 1 to 80; Google: from 1).
NARROWEST_KM, WIDEST_KM = 1, 80


def places_of(session: Session, campaign: Campaign) -> list[Place]:
    """Return the hotspots and stops that a campaign's audience is about, by name."""
    rule = AudienceRule.from_json(campaign.audience.rule)
    routes = [part.route_id for part in rule.route_parts]
    stops = select(Waypoint.place_id).where(Waypoint.route_id.in_(routes))
    chosen = select_places(campaign.organisation_id).where(Place.id.in_(rule.place_ids) | Place.id.in_(stops))
    return [place for place in session.scalars(chosen) if place.kind != PlaceKind.CORRIDOR]


def write_targeting(places: Sequence[Place]) -> str:
    """Return the sheet: degrees (WGS84) and whole kilometres, never less than what the place covers."""
    return write_sheet(COLUMNS, map(_cells, places))


def radius_km(place: Place) -> int:
    """Return the radius of the circle around a place's middle that holds all of it, in whole kilometres."""
    metres = place.radius_m or 0
    if place.geometry["type"] == "Polygon":
        middle = anchor_of(place.geometry)
        metres = max(round(metres_between(middle, tuple(point[:2]))) for point in place.geometry["coordinates"][0])
    return min(max(-(-metres // 1000), NARROWEST_KM), WIDEST_KM)


def _cells(place: Place) -> dict[str, str]:
    longitude, latitude = anchor_of(place.geometry)
    country = place.region.country if place.region else ""
    where = {"latitude": f"{latitude:.5f}", "longitude": f"{longitude:.5f}", "radius_km": str(radius_km(place))}
    return {"name": place.name, "country": country} | where
