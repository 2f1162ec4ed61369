"""The console's map draws places and routes as these GeoJSON features (longitude first, degrees)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping

from campaigns.places.geography.shapes import Position, great_circle, widen_leg
from campaigns.places.models import Place, Route
from campaigns.places.route_rows import ground_lines

Feature = dict[str, Any]

#: Corridors are drawn to this tolerance, in degrees; their cells are exact.
_TOLERANCE = 0.01
_DECIMALS = 4


def place_feature(place: Place) -> Feature:
    """Return a hotspot or stop: a Point with its radius in metres, or a Polygon."""
    return _feature(
        place.geometry,
        id=place.id,
        kind=str(place.kind),
        name=place.name,
        radius=place.radius_m,
    )


def route_features(route: Route) -> list[Feature]:
    """Return a route's corridor (one polygon over its legs on the ground) and each leg as a line."""
    legs = ground_lines(route)
    common = {"id": route.id, "name": route.name}
    lines = [
        _feature(
            {"type": "LineString", "coordinates": great_circle(start, end)},
            kind="flight" if is_flown else "leg",
            **common,
        )
        for start, end, is_flown in legs
    ]
    corridor = corridor_of([(start, end) for start, end, is_flown in legs if not is_flown], route.width_m)
    return [_feature(corridor, kind="corridor", **common), *lines] if corridor else lines


def drawn_shape(geometry: dict[str, Any], *, number: int, kind: str, name: str, radius_m: int | None) -> Feature:
    """Return a shape that is not stored as a place."""
    return _feature(geometry, id=number, kind=kind, name=name, radius=radius_m)


def collect(features: Iterable[Feature]) -> Feature:
    """Return features as one FeatureCollection."""
    return {"type": "FeatureCollection", "features": list(features)}


def corridor_of(legs: Sequence[tuple[Position, Position]], half_width_m: int) -> dict[str, Any] | None:
    """Return the outline of a corridor over its legs on the ground, None without any; in GeoJSON."""
    if not legs:
        return None
    whole = shapely.union_all([widen_leg(start, end, half_width_m) for start, end in legs])
    drawn = shapely.transform(whole.simplify(_TOLERANCE), lambda degrees: np.round(degrees, _DECIMALS))
    return dict(mapping(drawn))


def _feature(geometry: dict[str, Any], **properties: Any) -> Feature:
    return {"type": "Feature", "geometry": geometry, "properties": properties}
