"""Shapes that people give are checked, put in one form, and widened by metres on the globe, without cells."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from campaigns.core.errors import GeometryError
from campaigns.core.words import N_

#: Mean radius of the Earth, in metres.
EARTH_RADIUS_M = 6_371_008.8

MIN_RADIUS_M = 50
MAX_RADIUS_M = 100_000
MAX_VERTICES = 2_000
MAX_AREA_KM2 = 100_000
#: The box around an outline: whatever looks for its cells looks through it.
MAX_BOX_KM2 = 4_000_000
#: Ends of one leg of a corridor, at most so far apart.
MAX_LEG_M = 3_000_000
#: Nearer to a pole, degrees of longitude are too narrow to draw in.
MAX_LATITUDE = 85.0

#: Six decimals are about 10 cm.
DECIMALS = 6

#: Longest piece of an outline that may be drawn as a straight line in degrees, in metres.
_PIECE_M = 10_000

NOT_GEOJSON = N_('This is not GeoJSON: it must look like {"type": "Polygon", "coordinates": […]}.')
_NO_LATITUDE = N_("%(latitude)s is no latitude: latitudes run from -90 to 90.")
_SWAPPED = N_("%(latitude)s is no latitude: latitudes run from -90 to 90. Are longitude and latitude swapped?")

Position = tuple[float, float]


def check_position(longitude: float, latitude: float) -> Position:
    """Return longitude and latitude in degrees, rounded. Raises GeometryError when they are not on Earth."""
    if not (math.isfinite(longitude) and math.isfinite(latitude)):
        raise GeometryError(N_("Longitude and latitude must be numbers."))
    if abs(latitude) > 90:
        swapped = abs(longitude) <= 90 and abs(latitude) <= 180
        raise GeometryError(_SWAPPED if swapped else _NO_LATITUDE, latitude=f"{latitude:g}")
    if abs(longitude) > 180:
        raise GeometryError(
            N_("%(longitude)s is no longitude: longitudes run from -180 to 180."), longitude=f"{longitude:g}"
        )
    if abs(latitude) > MAX_LATITUDE:
        raise GeometryError(
            N_("A place cannot lie nearer to a pole than %(degrees)s degrees."), degrees=f"{90 - MAX_LATITUDE:g}"
        )
    return round(longitude, DECIMALS), round(latitude, DECIMALS)


def check_radius(radius_m: float) -> int:
    """Return a radius or half width in whole metres. Raises GeometryError when it is too small or too large."""
    if not MIN_RADIUS_M <= radius_m <= MAX_RADIUS_M:
        raise GeometryError(
            N_("A radius must be between %(least)s m and %(most)s km."),
            least=MIN_RADIUS_M,
            most=MAX_RADIUS_M // 1000,
        )
    return round(radius_m)


def read_polygon(geojson: Any) -> shapely.Polygon:
    """Return the polygon of a GeoJSON geometry (RFC 7946, longitude first, degrees), closed and oriented.

    Raises GeometryError for anything that is not one simple polygon of a bearable size on Earth.
    """
    rings = _rings_of(geojson)
    if sum(map(len, rings)) > MAX_VERTICES:
        raise GeometryError(
            N_("The outline has too many corners: at most %(limit)s can be stored."), limit=f"{MAX_VERTICES:,}"
        )
    polygon = shapely.Polygon(rings[0], rings[1:])
    if polygon.convex_hull.area == 0:
        raise GeometryError(N_("The outline encloses nothing: its corners lie on one line."))
    if not polygon.is_valid:
        raise _complaint(polygon)
    west, _, east, _ = polygon.bounds
    if east - west > 180:
        raise GeometryError(N_("The outline crosses the 180° line: mark two places instead, one on each side."))
    if _box_km2(polygon) > MAX_BOX_KM2:
        raise GeometryError(N_("The outline is long and thin: mark several places instead, one for each part."))
    if (area := _area_km2(polygon)) > MAX_AREA_KM2:
        raise GeometryError(
            N_(
                "The outline holds %(area)s km²; a place can hold %(limit)s at most. "
                "Choose regions in the audience for anything larger."
            ),
            area=f"{area:,.0f}",
            limit=f"{MAX_AREA_KM2:,}",
        )
    return shapely.orient_polygons(polygon, exterior_cw=False)


def polygon_geojson(polygon: shapely.Polygon) -> dict[str, Any]:
    """Return a polygon as the GeoJSON geometry that is stored."""
    return {
        "type": "Polygon",
        "coordinates": [[list(at) for at in ring] for ring in mapping(polygon)["coordinates"]],
    }


def area_of(geometry: dict[str, Any]) -> float:
    """Return the area of a stored outline, in square kilometres."""
    return _area_km2(cast(shapely.Polygon, shape(geometry)))


def anchor_of(geometry: dict[str, Any]) -> Position:
    """Return the position that stands for a stored geometry: a point itself, else a point inside the outline."""
    if geometry["type"] == "Point":
        longitude, latitude = geometry["coordinates"]
        return float(longitude), float(latitude)
    inside = shape(geometry).representative_point()
    return round(inside.x, DECIMALS), round(inside.y, DECIMALS)


def is_position(item: Any) -> bool:
    """Say whether a value of JSON is a list of two or three bearable numbers: longitude, latitude, height."""
    return (
        isinstance(item, list)
        and len(item) in (2, 3)
        and all(isinstance(number, int | float) and not isinstance(number, bool) for number in item)
        and not any(abs(number) > 1e9 for number in item)
    )


def metres_between(one: Position, other: Position) -> float:
    """Return the great-circle distance of two positions in degrees, in metres."""
    east, north = np.radians(other[0] - one[0]), np.radians([one[1], other[1]])
    half = (
        math.sin((north[1] - north[0]) / 2) ** 2
        + math.cos(north[0]) * math.cos(north[1]) * math.sin(east / 2) ** 2
    )
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half)))


def great_circle(start: Position, end: Position) -> list[Position]:
    """Return the shortest way between two positions as a line of short pieces, in degrees."""
    plane = Plane(*_midway(start, end))
    flat = shapely.segmentize(shapely.LineString(plane.flatten(np.array([start, end]))), 5 * _PIECE_M)
    ways = plane.unflatten(shapely.get_coordinates(flat))
    return [(round(float(east), 4), round(float(north), 4)) for east, north in ways]


def widen_point(longitude: float, latitude: float, metres: float) -> shapely.Polygon:
    """Return an outline in degrees around the circle of that radius: nowhere inside it, outside by 0.03 %."""
    segments = 32
    around = shapely.Point(0, 0).buffer(metres / math.cos(math.pi / (4 * segments)), quad_segs=segments)
    return _on_globe(around, Plane(longitude, latitude))


def widen_polygon(polygon: shapely.Polygon, metres: float) -> shapely.Polygon:
    """Return the outline in degrees of everything within `metres` of the polygon."""
    plane = Plane(*polygon.centroid.coords[0])
    flat = shapely.transform(shapely.segmentize(polygon, 0.05), plane.flatten)
    return _on_globe(_buffered(flat, metres), plane)


def widen_leg(start: Position, end: Position, metres: float) -> shapely.Polygon:
    """Return the outline in degrees of everything within `metres` of the great circle between two points.

    Raises GeometryError when the points coincide or are too far apart.
    """
    length = metres_between(start, end)
    if length < 1:
        raise GeometryError(N_("Two waypoints of a route are at the same point."))
    if length > MAX_LEG_M:
        raise GeometryError(
            N_(
                "Two waypoints are %(distance)s km apart, more than the %(limit)s km of one leg. "
                "Add a waypoint between them, or say that the route is flown."
            ),
            distance=f"{length / 1000:,.0f}",
            limit=f"{MAX_LEG_M // 1000:,}",
        )
    plane = Plane(*_midway(start, end))
    flat = shapely.LineString(plane.flatten(np.array([start, end])))
    return _on_globe(_buffered(flat, metres), plane)


class Plane:
    """A flat map around one point on which distances from that point are true (azimuthal equidistant).

    Formulas: Snyder, Map Projections – A Working Manual (1987), p. 191–202.
    """

    def __init__(self, longitude: float, latitude: float) -> None:
        self._east = np.radians(longitude)
        self._sin, self._cos = np.sin(np.radians(latitude)), np.cos(np.radians(latitude))

    def flatten(self, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn longitude and latitude in degrees (n × 2) into metres east and north."""
        east, north = np.radians(degrees[:, 0]) - self._east, np.radians(degrees[:, 1])
        x = np.cos(north) * np.sin(east)
        y = self._cos * np.sin(north) - self._sin * np.cos(north) * np.cos(east)
        sine = np.hypot(x, y)
        angle = np.arctan2(sine, self._sin * np.sin(north) + self._cos * np.cos(north) * np.cos(east))
        stretch = np.divide(angle, sine, out=np.ones_like(sine), where=sine > 0)
        metres: NDArray[np.float64] = np.column_stack((x * stretch, y * stretch)) * EARTH_RADIUS_M
        return metres

    def unflatten(self, metres: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn metres east and north (n × 2) into longitude and latitude in degrees."""
        x, y = metres[:, 0] / EARTH_RADIUS_M, metres[:, 1] / EARTH_RADIUS_M
        angle = np.hypot(x, y)
        shrink = np.sinc(angle / np.pi)
        north = np.arcsin(np.clip(np.cos(angle) * self._sin + y * shrink * self._cos, -1, 1))
        east = np.arctan2(x * shrink, self._cos * np.cos(angle) - y * shrink * self._sin)
        degrees: NDArray[np.float64] = np.degrees(np.column_stack((self._east + east, north)))
        return degrees


def _rings_of(geojson: Any) -> list[list[Position]]:
    if not isinstance(geojson, dict) or not isinstance(geojson.get("type"), str):
        raise GeometryError(NOT_GEOJSON)
    if geojson["type"] != "Polygon":
        raise GeometryError(N_("A %(type)s cannot be a place here: give one Polygon."), type=geojson["type"])
    rings = geojson.get("coordinates")
    if not isinstance(rings, list) or not rings:
        raise GeometryError(N_("The polygon has no coordinates."))
    return [_ring(ring) for ring in rings]


def _ring(ring: Any) -> list[Position]:
    if not isinstance(ring, list) or not all(is_position(item) for item in ring):
        raise GeometryError(N_("Each corner of a polygon must be a pair of numbers: longitude, then latitude."))
    corners = [check_position(float(at[0]), float(at[1])) for at in ring]
    if len(set(corners)) < 3:
        raise GeometryError(N_("An outline needs at least three different corners."))
    return corners if corners[0] == corners[-1] else [*corners, corners[0]]


def _complaint(polygon: shapely.Polygon) -> GeometryError:
    reason, _, where = shapely.is_valid_reason(polygon).partition("[")
    longitude, _, latitude = where.rstrip("]").partition(" ")
    if "Self-intersection" in reason:
        return GeometryError(
            N_(
                "The outline crosses itself near longitude %(longitude)s, latitude %(latitude)s: "
                "draw it so that its lines never cross."
            ),
            longitude=f"{float(longitude):.3f}",
            latitude=f"{float(latitude):.3f}",
        )
    return GeometryError(N_("The outline is not one clear area: its lines touch or overlap."))


def _area_km2(polygon: shapely.Polygon) -> float:
    plane = Plane(*polygon.centroid.coords[0])
    return float(shapely.transform(polygon, plane.flatten).area) / 1e6


def _box_km2(polygon: shapely.Polygon) -> float:
    west, south, east, north = np.radians(polygon.bounds)
    return float((east - west) * (np.sin(north) - np.sin(south))) * (EARTH_RADIUS_M / 1000) ** 2


def _midway(start: Position, end: Position) -> Position:
    east, north = np.radians([start[0], end[0]]), np.radians([start[1], end[1]])
    x, y, z = ((np.cos(north) * np.cos(east)).sum(), (np.cos(north) * np.sin(east)).sum(), np.sin(north).sum())
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def _buffered(flat: BaseGeometry, metres: float) -> BaseGeometry:
    """Widen a shape on the plane; away from the centre the plane is stretched sideways, so a little more."""
    reach = (float(np.abs(shapely.get_coordinates(flat)).max()) * math.sqrt(2) + metres) / EARTH_RADIUS_M
    return flat.buffer(metres * reach / math.sin(reach), quad_segs=16)


def _on_globe(flat: BaseGeometry, plane: Plane) -> shapely.Polygon:
    outline = shapely.transform(shapely.segmentize(flat, _PIECE_M), plane.unflatten)
    west, south, east, north = outline.bounds
    if west < -180 or east > 180:
        raise GeometryError(
            N_("The place reaches across the 180° line: mark two places instead, one on each side.")
        )
    if max(-south, north) > 90:
        raise GeometryError(N_("The place reaches over a pole."))
    # Widening one connected shape gives one polygon.
    return cast(shapely.Polygon, outline)
