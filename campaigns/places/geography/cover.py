"""Shapes become H3 cells: a cover holds each cell whose centre is in the shape widened by one cell radius."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import shapely

from campaigns.core.errors import GeometryError
from campaigns.core.words import N_
from campaigns.places.geography.cells import CELL_RESOLUTION
from campaigns.places.geography.shapes import (
    Position,
    check_position,
    check_radius,
    metres_between,
    read_polygon,
    widen_leg,
    widen_point,
    widen_polygon,
)

#: Centre to farthest corner of the largest cell at resolution 7, in metres (1,548 was the most in a survey of
#: 60,000 cells spread over the globe), so that a widened shape holds the centre of every cell it touches.
CELL_RADIUS_M = 1_560

#: Of the average cell.
CELL_AREA_M2 = 5_161_293

#: Category of places that legs by air start from.
AIRPORT = "airport"
#: A leg from or to an airport that is longer than this is flown, where the route's mode names "air"; in metres.
FLOWN_FROM_M = 150_000


def cover_circle(longitude: float, latitude: float, radius_m: float) -> set[int]:
    """Return the cells of a circle (degrees, metres). Raises GeometryError."""
    longitude, latitude = check_position(longitude, latitude)
    return _cells_in(widen_point(longitude, latitude, check_radius(radius_m) + CELL_RADIUS_M))


def cover_polygon(geojson: Any) -> set[int]:
    """Return the cells of a GeoJSON Polygon (longitude first, degrees). Raises GeometryError."""
    return _cells_in(widen_polygon(read_polygon(geojson), CELL_RADIUS_M))


def cover_corridor(line: Sequence[Position], half_width_m: float) -> list[set[int]]:
    """Return the cells of a corridor, one set for each leg, along great circles between the positions.

    `line` holds (longitude, latitude) in degrees, in the order of travel. Raises GeometryError.
    """
    if len(line) < 2:
        raise GeometryError(N_("A strip along a route needs at least two waypoints."))
    width = check_radius(half_width_m) + CELL_RADIUS_M
    points = [check_position(*position) for position in line]
    return [_cells_in(widen_leg(start, end, width)) for start, end in pairwise(points)]


def estimate_corridor(line: Sequence[Position], half_width_m: float) -> int:
    """Return about how many cells a corridor has, without looking for them."""
    width = half_width_m + CELL_RADIUS_M
    ends = math.pi * width**2 * (len(line) - 1)
    metres = sum(metres_between(*leg) for leg in pairwise(line))
    return round((metres * 2 * width + ends) / CELL_AREA_M2)


def flown_legs(mode: str, stops: Sequence[tuple[str | None, Position]]) -> list[bool]:
    """Say of each leg whether it is flown, so that nobody is met along it.

    `mode` as the source writes it ("rail", "road/air"), `stops` as (category, position). A route whose only mode
    is air is flown throughout; where air is one of several, only the long legs from or to an airport are.
    """
    modes = {word.strip() for word in mode.casefold().split("/")}
    return [
        modes == {"air"}
        or ("air" in modes and AIRPORT in (one[0], other[0]) and metres_between(one[1], other[1]) > FLOWN_FROM_M)
        for one, other in pairwise(stops)
    ]


def digest_of_cover(legs: Sequence[Collection[int]]) -> str:
    """Return the SHA-256 (hexadecimal) of a cover, leg by leg: approvals keep it, so its form may never change."""
    whole = hashlib.sha256()
    for leg, cells in enumerate(legs):
        # A leg by air has no cells, and no rows by which it could be told from none.
        if not cells:
            continue
        whole.update(leg.to_bytes(8, "big") + len(cells).to_bytes(8, "big"))
        whole.update(np.sort(np.fromiter(cells, dtype=">i8", count=len(cells))).tobytes())
    return whole.hexdigest()


def _cells_in(outline: shapely.Polygon) -> set[int]:
    rings = [[(north, east) for east, north in ring.coords] for ring in (outline.exterior, *outline.interiors)]
    return set(h3.h3shape_to_cells(h3.LatLngPoly(*rings), CELL_RESOLUTION))
