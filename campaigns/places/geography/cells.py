"""A point or cell has a region, country and time zone by polygon, never by the nearest city."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import h3.api.basic_int as h3
import numpy as np
import shapely
from numpy.typing import NDArray
from tzfpy import get_tz

from campaigns.places.geography.atlas import Atlas, load_atlas

#: H3 resolution of every cell that is stored: about 5 km² each.
CELL_RESOLUTION = 7

#: How far outside every outline a point still belongs to the nearest region: coasts and harbours are generalised.
NEAR_METRES = 5_000

#: Length of one degree of latitude on the sphere, in metres.
METRES_PER_DEGREE = 111_195


@dataclass(frozen=True, slots=True)
class Located:
    """Where a point lies; region and country are None at sea."""

    #: Code of the outline that holds the point, as in the region table.
    region_code: str | None
    #: ISO 3166-1 alpha-2.
    country: str | None
    #: IANA name; at sea an Etc/GMT zone.
    time_zone: str


def cell_of(longitude: float, latitude: float) -> int:
    """Return the H3 cell of a point in degrees."""
    return int(h3.latlng_to_cell(latitude, longitude, CELL_RESOLUTION))


def centre_of(cell: int) -> tuple[float, float]:
    """Return longitude and latitude of a cell's centre, in degrees."""
    latitude, longitude = h3.cell_to_latlng(cell)
    return longitude, latitude


def locate(longitude: float, latitude: float, *, country: str | None = None) -> Located:
    """Return region, country and time zone of a point in degrees.

    The outline that holds it, else the nearest one within 5 km, else no region; when `country` is known,
    only outlines of that country count. A border crossing states its region: do not ask here for it.
    """
    atlas = load_atlas()
    row = int(_rows_of_points(atlas, np.array([[longitude, latitude]]), country)[0])
    return _located(atlas, row, longitude, latitude, country=country)


def locate_cell(cell: int) -> Located:
    """Return region, country and time zone of a cell's centre."""
    return locate(*centre_of(cell))


def locate_cells(cells: Collection[int]) -> dict[int, Located]:
    """Return region, country and time zone of each cell's centre: about 10 µs a cell."""
    if not cells:
        return {}
    atlas = load_atlas()
    centres = {cell: centre_of(cell) for cell in cells}
    rows = _rows_of_points(atlas, np.array(list(centres.values())), None)
    return {
        cell: _located(atlas, int(row), *centre, country=None)
        for (cell, centre), row in zip(centres.items(), rows, strict=True)
    }


def _located(atlas: Atlas, row: int, longitude: float, latitude: float, *, country: str | None) -> Located:
    zone = get_tz(longitude, latitude)
    if row < 0:
        return Located(None, country, zone)
    region = atlas.facts[row]
    return Located(region.code, region.country, zone)


def _rows_of_points(atlas: Atlas, positions: NDArray[np.float64], country: str | None) -> NDArray[np.int64]:
    """Return each point's row in the atlas, -1 for none; on a shared border the first code in the alphabet."""
    points = np.asarray(shapely.points(positions))
    rows = np.full(len(points), -1, dtype=np.int64)
    index, hits = atlas.tree.query(points, predicate="intersects")
    if country is not None:
        kept = atlas.countries[hits] == country
        index, hits = index[kept], hits[kept]
    order = np.lexsort((-hits, index))
    rows[index[order]] = hits[order]
    for missing in np.flatnonzero(rows < 0):
        rows[missing] = _nearest_row(atlas, points[missing], country)
    return rows


def _nearest_row(atlas: Atlas, point: shapely.Point, country: str | None) -> int:
    """Return the nearest outline within reach, -1 for none; degrees are stretched by latitude to be metres."""
    shrink = max(np.cos(np.radians(point.y)), 0.01)
    reach = NEAR_METRES / METRES_PER_DEGREE
    around = shapely.box(point.x - reach / shrink, point.y - reach, point.x + reach / shrink, point.y + reach)
    rows = np.sort(atlas.tree.query(around))
    if country is not None:
        rows = rows[atlas.countries[rows] == country]
    if not len(rows):
        return -1
    ends = shapely.get_coordinates(shapely.shortest_line(atlas.outlines[rows], point)).reshape(-1, 2, 2)
    steps = (ends[:, 1] - ends[:, 0]) * (shrink, 1.0)
    metres = np.hypot(steps[:, 0], steps[:, 1]) * METRES_PER_DEGREE
    best = int(np.argmin(metres))
    return int(rows[best]) if metres[best] <= NEAR_METRES else -1
