"""The console's maps get land as packed GeoJSON: some countries in full, their neighbours coarsely."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from babel import Locale
from numpy.typing import NDArray

from campaigns.places.geography.atlas import Atlas, load_atlas

#: Neighbours are drawn to this tolerance and without islets below this size, in degrees and square degrees.
_COARSE = 0.1
_ISLET = 0.1
#: How far around the asked countries neighbours are drawn, in degrees.
_MARGIN = 8.0


@dataclass(frozen=True, slots=True)
class Outlines:
    """One answer, ready to be sent."""

    #: GeoJSON, UTF-8, gzipped.
    packed: bytes
    #: Changes with the content.
    tag: str


@lru_cache(maxsize=16)
def draw_outlines(countries: tuple[str, ...], language: str) -> Outlines:
    """Return a FeatureCollection: `region` outlines of the countries, `land` around them, `label` points.

    Names are in `language` where known, else English. Without countries it is the whole world, coarsely.
    """
    atlas = load_atlas()
    asked = [country for country in countries if country in atlas.countries]
    features = [*_land(atlas, asked), *_regions(atlas, asked, language), *_labels(asked, language)]
    text = '{"type":"FeatureCollection","features":[' + ",".join(features) + "]}"
    return Outlines(gzip.compress(text.encode(), mtime=0), hashlib.sha256(text.encode()).hexdigest()[:16])


def _regions(atlas: Atlas, countries: list[str], language: str) -> Iterator[str]:
    for row in np.flatnonzero(np.isin(atlas.countries, countries)):
        region = atlas.facts[row]
        name = region.names.get(language, region.name)
        yield _feature(atlas.outlines[row], kind="region", name=name, outdated=region.outdated)


def _land(atlas: Atlas, countries: list[str]) -> Iterator[str]:
    outlines = _coarse_countries()
    for country, outline in outlines.items():
        if not countries or _is_near(atlas, country, countries):
            yield _feature(outline, kind="land", asked=country in countries)


def _labels(countries: list[str], language: str) -> Iterator[str]:
    territories = Locale.parse(language).territories
    for country, outline in _coarse_countries().items():
        if country in countries:
            largest = max(shapely.get_parts(outline), key=shapely.area)
            yield _feature(shapely.point_on_surface(largest), kind="label", name=territories.get(country, country))


@lru_cache(maxsize=1)
def _coarse_countries() -> dict[str, Any]:
    """Return each country's outline in few corners; borders stay shared."""
    atlas = load_atlas()
    codes = np.unique(atlas.countries)
    whole = np.array([shapely.coverage_union_all(atlas.outlines[atlas.countries == code]) for code in codes])
    drawn = {}
    for code, outline in zip(codes, shapely.coverage_simplify(whole, _COARSE), strict=True):
        parts = shapely.get_parts(outline)
        large = parts[shapely.area(parts) > _ISLET]
        kept = shapely.multipolygons(large) if len(large) else max(parts, key=shapely.area)
        drawn[str(code)] = shapely.transform(kept, _rounded)
    return drawn


def _is_near(atlas: Atlas, country: str, countries: list[str]) -> bool:
    boxes = np.array([atlas.box_of(one) for one in countries])
    west, south = boxes[:, :2].min(axis=0) - _MARGIN
    east, north = boxes[:, 2:].max(axis=0) + _MARGIN
    its_west, its_south, its_east, its_north = atlas.box_of(country)
    return bool(its_west <= east and its_east >= west and its_south <= north and its_north >= south)


def _rounded(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(positions, 2)


def _feature(geometry: Any, **properties: Any) -> str:
    shown = json.dumps(properties, ensure_ascii=False, separators=(",", ":"))
    return f'{{"type":"Feature","properties":{shown},"geometry":{shapely.to_geojson(geometry)}}}'
