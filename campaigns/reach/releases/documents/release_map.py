"""A release's map is GeoJSON (RFC 7946): each listed region's outline, and what may be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from campaigns.places.geography.atlas import CREDIT, load_atlas
from campaigns.reach.releases.privacy.region_tree import load_tree

#: Detail that is left out, in degrees, and decimals that are kept: about a kilometre.
_DETAIL, _DECIMALS = 0.01, 2


def write_geojson(document: Mapping[str, Any]) -> bytes:
    """Return a FeatureCollection with a feature a row; rows without an outline have no geometry."""
    drawn = _drawn(document["method"]["tree"])
    features = [_feature(row, drawn.get(row["key"], "null")) for row in document["rows"]]
    heading = {name: document[name] for name in ("scope", "period", "revision", "method", "total", "made_on")}
    head = json.dumps({**heading, "credit": CREDIT}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    text = '{"type":"FeatureCollection","release":' + head + ',"features":[\n' + ",\n".join(features) + "\n]}\n"
    return text.encode()


def _feature(row: Mapping[str, Any], geometry: str) -> str:
    shown = json.dumps(dict(row), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f'{{"type":"Feature","geometry":{geometry},"properties":{shown}}}'


@cache
def _drawn(version: str) -> dict[str, str]:
    """Return the outline of each area of a tree as GeoJSON, outer rings anticlockwise; borders stay shared."""
    areas = load_tree(version).areas
    whole = np.array([_outline(area.drawn) for area in areas])
    # Snapped to the grid first, which keeps them valid; what is left is to write no more than its decimals.
    snapped = shapely.set_precision(shapely.coverage_simplify(whole, _DETAIL), 10.0**-_DECIMALS)
    shapes = shapely.orient_polygons(shapely.transform(snapped, _rounded), exterior_cw=False)
    return {area.key: shapely.to_geojson(shape) for area, shape in zip(areas, shapes, strict=True)}


def _outline(code: str) -> shapely.Geometry:
    """Return a region with the parts below it: a town with county rights lies in its county."""
    atlas = load_atlas()
    parts = [code, *(fact.code for fact in atlas.facts if fact.parent == code)]
    return shapely.union_all(atlas.outlines[atlas.rows_of(parts)])


def _rounded(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(positions, _DECIMALS)
