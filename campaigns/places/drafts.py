"""A draft holds what a member or sheet says of a place or route before it is saved; only its shape is checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from campaigns.core.errors import GeometryError
from campaigns.core.words import N_
from campaigns.places.geography.cover import cover_circle, cover_polygon
from campaigns.places.geography.shapes import check_position, check_radius, polygon_geojson, read_polygon
from campaigns.places.models import PlaceKind

#: Half width of a corridor when nobody says otherwise, in metres: roads and rails keep that close to the line.
DEFAULT_HALF_WIDTH_M = 20_000
MAX_STOPS = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """A circle or polygon in the form it is stored, with nothing left to check."""

    #: GeoJSON Point or Polygon, longitude first, degrees.
    geometry: dict[str, Any]
    #: Radius of the circle in metres; None for a polygon.
    radius_m: int | None

    def cover(self) -> set[int]:
        """Return the cells of the shape. Raises GeometryError when it reaches over the edge of the map."""
        if self.radius_m is None:
            return cover_polygon(self.geometry)
        longitude, latitude = self.geometry["coordinates"]
        return cover_circle(longitude, latitude, self.radius_m)


def circle(longitude: float, latitude: float, radius_m: float) -> Shape:
    """Return a circle (degrees, metres). Raises GeometryError."""
    geometry = {"type": "Point", "coordinates": list(check_position(longitude, latitude))}
    return Shape(geometry, check_radius(radius_m))


def outline(geojson: Any) -> Shape:
    """Return the shape of a GeoJSON Polygon. Raises GeometryError."""
    return Shape(polygon_geojson(read_polygon(geojson)), None)


def stored_shape(geometry: dict[str, Any], radius_m: int | None) -> Shape:
    """Return the shape of a stored place. Raises GeometryError for a corridor, which has none of its own."""
    if geometry["type"] not in ("Point", "Polygon"):
        raise GeometryError(N_("A strip along a route takes its shape from the waypoints of the route."))
    return Shape(geometry, radius_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceDraft:
    """Everything that is said of a hotspot or stop."""

    kind: PlaceKind
    name: str
    shape: Shape
    local_name: str | None = None
    category: str | None = None
    #: ISO 3166-2 as stated; None to find it by the point.
    region_code: str | None = None
    country: str | None = None
    risk_tags: tuple[str, ...] = ()
    note: str | None = None
    source: str | None = None
    certainty: str | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDraft:
    """Everything that is said of a route."""

    name: str
    mode: str
    #: Ids of hotspots or stops in the order of travel.
    stop_ids: tuple[int, ...]
    half_width_m: int = DEFAULT_HALF_WIDTH_M
    programme: str | None = None
    certainty: str | None = None
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, in rows."""

    added: int
    changed: int
    unchanged: int
    #: Would change what is in use: nothing was done, a second member has to agree.
    waiting: int = 0
