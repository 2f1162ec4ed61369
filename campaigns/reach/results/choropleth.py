"""The regions of a run are flattened onto a sheet as plain outlines, each with its step of colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray

from campaigns.places.geography.atlas import load_atlas

#: Width of the sheet in its own units (half pixels at 100 %).
WIDTH = 1600
#: Its least width as a multiple of its height: a page is as wide as that, and its numbers stay readable.
LEAST_ASPECT = 1.4
#: Room around the regions, as a share of their extent, and at least in degrees.
MARGIN, LEAST_MARGIN = 0.12, 0.6
#: Detail that is left out, in units of the sheet.
DETAIL = 1.6
#: Smallest box, in units, in which a number can be read.
LABEL_BOX = (72, 34)

#: West, south, east and north in degrees.
Frame = tuple[float, float, float, float]

#: Lower bounds of the steps 1, 2, 3 …; the same for every map, so that maps can be compared.
STEPS = (1, 20, 100, 500, 2000)


@dataclass(frozen=True, slots=True)
class RegionShape:
    """One region on the sheet; `people` None means hidden (fewer than 20), `step` None context only."""

    code: str
    path: str
    step: int | None
    people: int | None = None
    #: Where its number stands, or None when there is no room.
    label_at: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Choropleth:
    """A map ready to be drawn."""

    width: int
    height: int
    #: Context first, so that what counts lies on top.
    shapes: list[RegionShape]


def draw(people: Mapping[str, int | None]) -> Choropleth | None:
    """Draw people reached by region code; None is a hidden count. None when no code has an outline."""
    codes = tuple(sorted(code for code in people if load_atlas().rows_of([code])))
    if not codes:
        return None
    sheet = _sheet(codes)
    shapes = [
        RegionShape(code, path, step_of(people[code]), people[code], label_at)
        if code in people
        else RegionShape(code, path, None)
        for code, path, label_at in sheet.outlines
    ]
    shapes.sort(key=lambda shape: shape.step is not None)
    return Choropleth(WIDTH, sheet.height, shapes)


def step_of(people: int | None) -> int:
    """Return the step of a count: 0 for nobody, 1 also for a hidden count, then by `STEPS`."""
    if people is None:
        return 1
    return sum(people >= bound for bound in STEPS)


def ranges(least: int = 0) -> list[tuple[int, int, int | None]]:
    """Return each step from 0 with its lowest and highest count; the last one has no highest.

    Where nothing below `least` is drawn, no step speaks of less.
    """
    steps = zip((0, *STEPS), (*STEPS, None), strict=True)
    return [
        (step, max(low, least), above - 1 if above else None)
        for step, (low, above) in enumerate(steps)
        if above is None or above > least
    ]


@dataclass(frozen=True, slots=True)
class _Sheet:
    height: int
    #: Code, path data, and where a number would fit.
    outlines: list[tuple[str, str, tuple[int, int] | None]]


@lru_cache(maxsize=32)
def _sheet(codes: tuple[str, ...]) -> _Sheet:
    """Lay out the regions named and their neighbours; remembered, because pages ask for the same runs again."""
    atlas = load_atlas()
    frame = _frame(shapely.total_bounds(atlas.outlines[atlas.rows_of(codes)]))
    rows = np.sort(atlas.tree.query(shapely.box(*frame)))
    clipped = shapely.clip_by_rect(atlas.outlines[rows], *frame)
    rows, clipped = rows[~shapely.is_empty(clipped)], clipped[~shapely.is_empty(clipped)]
    flat = shapely.coverage_simplify(shapely.transform(clipped, _projection(frame)), DETAIL)
    shapes = _grouped({atlas.facts[row].code: shape for row, shape in zip(rows, flat, strict=True)}, codes)
    outlines = [(code, _path(shape), _label_at(shape)) for code, shape in shapes.items()]
    height = math.ceil((frame[3] - frame[1]) * _scale(frame))
    return _Sheet(height, [outline for outline in outlines if outline[1]])


def _grouped(shapes: Mapping[str, shapely.Geometry], codes: tuple[str, ...]) -> dict[str, shapely.Geometry]:
    """Keep the regions of countries that count, and make every other country one shape."""
    countries = {code[:2] for code in codes}
    kept = {code: shape for code, shape in shapes.items() if code[:2] in countries}
    others = sorted({code[:2] for code in shapes} - countries)
    joined = {
        country: _joined([shape for code, shape in shapes.items() if code[:2] == country]) for country in others
    }
    return kept | {country: shape for country, shape in joined.items() if not shapely.is_empty(shape)}


def _joined(shapes: list[shapely.Geometry]) -> shapely.Geometry:
    """Return one shape, on whole units as paths are: borders that were cut and simplified may miss each other."""
    return shapely.union_all(shapely.make_valid(np.array(shapes)), grid_size=1.0)


def _scale(frame: Frame) -> float:
    return WIDTH / ((frame[2] - frame[0]) * _shrink(frame))


def _shrink(frame: Frame) -> float:
    """Return how much shorter a degree of longitude is than one of latitude, in the middle of the frame."""
    return math.cos(math.radians((frame[1] + frame[3]) / 2))


def _projection(frame: Frame) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the function from degrees (n × 2) to the sheet."""
    west, _, _, north = frame
    scale, shrink = _scale(frame), _shrink(frame)

    def flatten(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        across = (degrees[:, 0] - west) * shrink * scale
        return np.column_stack((across, (north - degrees[:, 1]) * scale))

    return flatten


def _frame(bounds: NDArray[np.float64]) -> Frame:
    west, south, east, north = (float(bound) for bound in bounds)
    above = max((north - south) * MARGIN, LEAST_MARGIN)
    least = (north - south + 2 * above) * LEAST_ASPECT / _shrink((west, south, east, north))
    aside = max((east - west) * MARGIN, LEAST_MARGIN, (least - (east - west)) / 2)
    return max(west - aside, -180.0), max(south - above, -85.0), min(east + aside, 180.0), min(north + above, 85.0)


def _path(shape: shapely.Geometry) -> str:
    """Write the rings of a shape as path data: whole units, each point relative to the one before."""
    rings = [
        np.rint(shapely.get_coordinates(ring)).astype(int)
        for polygon in shapely.get_parts(shape)
        if isinstance(polygon, shapely.Polygon)
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    return "".join(_ring_path(ring) for ring in rings)


def _ring_path(points: NDArray[np.int_]) -> str:
    steps = np.diff(points, axis=0)[:-1]
    moves = [f"{x} {y}" for x, y in steps[steps.any(axis=1)]]
    # Less than a triangle is left of an islet that is smaller than a unit.
    return f"M{points[0][0]} {points[0][1]}l{' '.join(moves)}z" if len(moves) > 1 else ""


def _label_at(shape: shapely.Geometry) -> tuple[int, int] | None:
    west, south, east, north = shapely.bounds(shape)
    if east - west < LABEL_BOX[0] or north - south < LABEL_BOX[1]:
        return None
    across, down = np.rint(shapely.get_coordinates(shapely.point_on_surface(shape))[0])
    return int(across), int(down)
