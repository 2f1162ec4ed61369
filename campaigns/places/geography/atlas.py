"""The bundled admin-1 polygons are read once a process: facts, outlines, and what each code is drawn as."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_

#: Where the outlines come from; shown on every map.
CREDIT = "Made with Natural Earth"

#: What separates properties and geometry on each line of the bundled file.
_GEOMETRY = ',"geometry":'


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """What the bundled file says of one region, without its outline."""

    #: ISO 3166-2, a two-letter code for a territory without subdivisions, or CC-Xnn (ours, never shown).
    code: str
    #: ISO 3166-1 alpha-2: the first two letters of the code, the only source of a region's country.
    country: str
    name: str
    #: Names by language code.
    names: dict[str, str]
    #: The code one level up, or None.
    parent: str | None
    #: The same area under another state's list.
    aliases: tuple[str, ...]
    #: Current codes that lie wholly or mostly inside the outline.
    covers: tuple[str, ...]
    #: The outline is not that of today's unit.
    outdated: bool


class Atlas:
    """Regions in the order of their codes, with their outlines (WGS84, longitude first) and a spatial index."""

    def __init__(self, facts: list[RegionFacts], outlines: NDArray[np.object_]) -> None:
        self.facts = facts
        self.outlines = outlines
        self.tree = shapely.STRtree(outlines)
        self.countries = np.array([region.country for region in facts])
        self._row = {region.code: row for row, region in enumerate(facts)}
        self._drawn: dict[str, tuple[str, ...]] = {}
        for region in facts:
            if region.parent:
                self._drawn[region.parent] = (*self._drawn.get(region.parent, ()), region.code)
        for region in facts:
            for code in (*region.covers, *region.aliases):
                self._drawn[code] = (region.code,)

    def get(self, code: str) -> RegionFacts | None:
        """Return the facts of the region drawn under exactly this code, or None."""
        row = self._row.get(code)
        return None if row is None else self.facts[row]

    def drawn_codes(self, code: str) -> tuple[str, ...]:
        """Return the codes of the outlines that show `code`: itself, its alias, what covers it, or its parts."""
        return (code,) if code in self._row else self._drawn.get(code, ())

    def box_of(self, country: str) -> tuple[float, float, float, float]:
        """Return west, south, east and north of a country's outlines, in degrees."""
        west, south, east, north = shapely.total_bounds(self.outlines[self.countries == country])
        return float(west), float(south), float(east), float(north)

    def rows_of(self, codes: Iterable[str]) -> list[int]:
        """Return the positions in `facts` and `outlines` of the codes that are drawn."""
        return [self._row[code] for code in codes if code in self._row]


@cache
def load_atlas() -> Atlas:
    """Read the bundled file (about half a second, once per process)."""
    facts, geometries = [], []
    for head, geometry in _features():
        facts.append(_facts(json.loads(head)["properties"]))
        geometries.append(geometry)
    return Atlas(facts, shapely.from_geojson(geometries))


def check_region(code: str) -> RegionFacts:
    """Return the facts of the region whose code is an address. Raises NotFoundError for what is no region."""
    region = load_atlas().get(code)
    if region is None:
        raise NotFoundError(N_("It does not exist, or is not yours to see."))
    return region


def _features() -> Iterator[tuple[str, str]]:
    """Yield properties and geometry as two texts of JSON; the file holds one feature a line."""
    packed = (files("campaigns.places") / "data" / "regions.geojson.gz").open("rb")
    with packed, gzip.open(packed, "rt", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"type":"Feature",'):
                head, _, geometry = line.rstrip().rstrip(",").partition(_GEOMETRY)
                yield head + "}", geometry.removesuffix("}")


def _facts(properties: dict[str, Any]) -> RegionFacts:
    return RegionFacts(
        code=properties["code"],
        country=properties["country"],
        name=properties["name"],
        names=properties.get("names", {}),
        parent=properties.get("parent"),
        aliases=tuple(properties.get("alias", ())),
        covers=tuple(properties.get("covers", ())),
        outdated=properties.get("outdated", False),
    )
