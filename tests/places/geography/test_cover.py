"""Covers hold every cell that a shape touches, and nothing far away."""

from __future__ import annotations

import math
import re
from typing import Any

import h3.api.basic_int as h3
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.core.errors import GeometryError
from campaigns.places.geography.cells import cell_of, centre_of
from campaigns.places.geography.cover import (
    CELL_RADIUS_M,
    cover_circle,
    cover_corridor,
    cover_polygon,
    estimate_corridor,
    flown_legs,
)
from campaigns.places.geography.shapes import Plane, Position, metres_between

positions = st.tuples(st.floats(-150, 150), st.floats(-75, 75))
shares = st.floats(0, 1)


def moved(start: Position, metres: float, bearing: float) -> Position:
    """The position so many metres from `start` in a direction (radians)."""
    to = np.array([[metres * math.sin(bearing), metres * math.cos(bearing)]])
    east, north = Plane(*start).unflatten(to)[0]
    return float(east), float(north)


def polygon(*corners: Position) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in corners]]}


@given(positions, st.floats(50, 60_000), shares, st.floats(0, 2 * math.pi))
@settings(max_examples=60)
def test_points_of_circle_are_covered(centre: Position, radius: float, share: float, bearing: float) -> None:
    inside = moved(centre, radius * share, bearing)
    assert cell_of(*inside) in cover_circle(*centre, radius)


@given(positions, st.floats(50, 30_000))
@settings(max_examples=30)
def test_circle_covers_nothing_far_away(centre: Position, radius: float) -> None:
    limit = (radius + CELL_RADIUS_M) * 1.001
    assert all(metres_between(centre, centre_of(cell)) <= limit for cell in cover_circle(*centre, radius))


@given(positions, st.lists(st.tuples(st.floats(500, 40_000), shares), min_size=4, max_size=8), st.data())
@settings(max_examples=40)
def test_points_of_polygon_are_covered(
    centre: Position, arms: list[tuple[float, float]], data: st.DataObject
) -> None:
    """A star around a centre never crosses itself; a point on any arm is inside it."""
    step = 2 * math.pi / len(arms)
    corners = [moved(centre, arm, step * index) for index, (arm, _) in enumerate(arms)]
    index = data.draw(st.integers(0, len(arms) - 1))
    inside = moved(centre, arms[index][0] * arms[index][1], step * index)
    assert cell_of(*inside) in cover_polygon(polygon(*corners))


@given(
    positions,
    st.lists(st.tuples(st.floats(5_000, 150_000), st.floats(0, 2 * math.pi)), min_size=1, max_size=4),
    st.floats(500, 20_000),
    shares,
    st.data(),
)
@settings(max_examples=40)
def test_each_leg_covers_its_own_line(
    start: Position, legs: list[tuple[float, float]], width: float, share: float, data: st.DataObject
) -> None:
    line = [start]
    for metres, bearing in legs:
        line.append(moved(line[-1], metres, bearing))
    covers = cover_corridor(line, width)
    assert len(covers) == len(legs)
    index = data.draw(st.integers(0, len(legs) - 1))
    metres, bearing = legs[index]
    assert cell_of(*moved(line[index], metres * share, bearing)) in covers[index]


def test_corridor_reaches_its_width_and_no_further() -> None:
    north_south = [(21.0, 50.0), (21.0, 51.0)]
    [cells] = cover_corridor(north_south, 20_000)
    assert cell_of(*moved((21.0, 50.5), 19_900, math.pi / 2)) in cells
    assert cell_of(*moved((21.0, 50.5), 26_000, math.pi / 2)) not in cells


def test_cover_is_centres_inside_widened_shape() -> None:
    centre = (22.9437, 49.8)
    cells = cover_circle(*centre, 5_000)
    around = set(h3.grid_disk(cell_of(*centre), 6))
    within = {cell for cell in around if metres_between(centre, centre_of(cell)) <= 5_000 + CELL_RADIUS_M}
    assert cells == within


def test_hole_of_polygon_stays_uncovered() -> None:
    outer = [[20, 50], [21, 50], [21, 51], [20, 51], [20, 50]]
    inner = [[20.2, 50.2], [20.8, 50.2], [20.8, 50.8], [20.2, 50.8], [20.2, 50.2]]
    assert cell_of(20.5, 50.5) not in cover_polygon({"type": "Polygon", "coordinates": [outer, inner]})


def test_open_ring_is_closed() -> None:
    corners = [(20.0, 50.0), (20.5, 50.0), (20.5, 50.5)]
    assert cover_polygon(polygon(*corners)) == cover_polygon(polygon(*corners, corners[0]))


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        (polygon((20, 50), (21, 51), (21, 50), (20, 51)), "crosses itself near longitude 20.500, latitude 50.500"),
        (polygon((50, 120), (52, 121), (51, 122)), "Are longitude and latitude swapped?"),
        (polygon((200, 10), (201, 10), (201, 11)), "200 is no longitude"),
        (polygon((20, 86), (21, 86), (21, 87)), "nearer to a pole"),
        (polygon((20, 50), (21, 50)), "at least three different corners"),
        (polygon((20, 50), (21, 51), (22, 52)), "encloses nothing"),
        (polygon((0, 0), (10, 0), (10, 10), (0, 10)), "100,000 at most"),
        (polygon((-179, 0), (179, 0), (179, 1)), "180° line"),
        # What looks for its cells would look at all of the world's, each of which is a number in memory.
        (polygon((-80, -60), (80, 60), (80, 60.005)), "long and thin"),
        (
            polygon(*((20 + math.cos(a / 400) / 9, 50 + math.sin(a / 400) / 9) for a in range(2500))),
            "too many corners",
        ),
        (polygon(("east", "north")), "pair of numbers"),  # type: ignore[arg-type]
        (polygon((float("nan"), 50), (21, 50), (21, 51)), "must be numbers"),
        ({"type": "LineString", "coordinates": [[20, 50], [21, 51]]}, "A LineString cannot be a place"),
        ({"type": "Polygon"}, "no coordinates"),
        ([[20, 50]], "This is not GeoJSON"),
    ],
)
def test_impossible_outline_is_told_plainly(shape: Any, sentence: str) -> None:
    with pytest.raises(GeometryError, match=re.escape(sentence)):
        cover_polygon(shape)


@pytest.mark.parametrize("half_width_m", [50, 20_000, 100_000])
@pytest.mark.parametrize("line", [[(20, 50), (21, 51)], [(10, 40), (30, 45), (30, 20)]])
def test_size_of_a_corridor_is_known_before_its_cells(line: list[Position], half_width_m: float) -> None:
    found = sum(map(len, cover_corridor(line, half_width_m)))
    assert found == pytest.approx(estimate_corridor(line, half_width_m), rel=0.35)


@pytest.mark.parametrize(
    ("longitude", "latitude", "radius"),
    [(22.9, 91.0, 500), (181.0, 10.0, 500), (22.9, 49.8, 10), (22.9, 49.8, 200_000), (179.99, 10.0, 5_000)],
)
def test_impossible_circle_is_refused(longitude: float, latitude: float, radius: float) -> None:
    with pytest.raises(GeometryError):
        cover_circle(longitude, latitude, radius)


@pytest.mark.parametrize(
    "line",
    [[(20.0, 50.0)], [(20.0, 50.0), (20.0, 50.0)], [(20.0, 50.0), (100.0, 20.0)], [(170.0, 60.0), (-170.0, 60.0)]],
)
def test_impossible_corridor_is_refused(line: list[Position]) -> None:
    with pytest.raises(GeometryError):
        cover_corridor(line, 20_000)


def test_air_route_is_flown_throughout() -> None:
    stops = [("origin_area", (39.45, -4.17)), ("recruitment_hub", (39.66, -4.05)), ("airport", (36.93, -1.32))]
    assert flown_legs("air", stops) == [True, True]


def test_only_long_airport_legs_of_mixed_route_are_flown() -> None:
    stops = [
        ("recruitment_hub", (36.82, -1.28)),
        ("airport", (36.93, -1.32)),
        ("destination", (39.19, 21.49)),
        ("destination", (46.72, 24.69)),
    ]
    assert flown_legs("road/air", stops) == [False, True, False]
    assert flown_legs("road", stops) == [False, False, False]
