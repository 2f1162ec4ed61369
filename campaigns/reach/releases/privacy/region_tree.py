"""Releases list one frozen tree of countries and their areas, the same whoever was reached.

A version never changes once a release was made with it: a new list of regions is a new file and a new version.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

from campaigns.reach.releases.privacy.small_areas import ROOT, Parents

#: The version that new releases use.
VERSION = "2026-1"
#: Leaves for people outside the listed countries, and for those whose region nobody knows.
ELSEWHERE, UNKNOWN = "elsewhere", "unknown"


@dataclass(frozen=True, slots=True)
class Area:
    """One leaf of the tree: an area with an outline."""

    #: ISO 3166-2, or for an area without a code of today one made of country and name.
    key: str
    #: ISO 3166-2, '' for an area without a code of today.
    code: str
    #: The region of the atlas whose outline it is.
    drawn: str
    country: str
    #: ISO 3166-1 alpha-3.
    iso3: str
    #: The P-code of the list of December 2021 where it is known, else ''.
    pcode: str
    name: str
    #: Names by language code, without English.
    names: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class RegionTree:
    """One version of the tree."""

    version: str
    #: SHA-256 of its file, hexadecimal.
    sha256: str
    #: In the order of the file.
    areas: tuple[Area, ...]

    @cached_property
    def iso3(self) -> dict[str, str]:
        """The listed countries (alpha-2) with their three letters, in the order of the file."""
        return {area.country: area.iso3 for area in self.areas}

    @cached_property
    def parents(self) -> Parents:
        """The tree: areas under their country, countries and the two rests under the root."""
        return (
            {area.key: area.country for area in self.areas}
            | dict.fromkeys(self.iso3, ROOT)
            | dict.fromkeys((ELSEWHERE, UNKNOWN), ROOT)
        )

    @cached_property
    def leaves(self) -> tuple[str, ...]:
        """Every leaf, in the order in which it is listed."""
        return (*(area.key for area in self.areas), ELSEWHERE, UNKNOWN)

    @cached_property
    def by_key(self) -> dict[str, Area]:
        """The areas by their key."""
        return {area.key: area for area in self.areas}

    @cached_property
    def _drawn(self) -> dict[str, str]:
        return {area.drawn: area.key for area in self.areas}

    def leaf_of(self, code: str | None, *, above: str | None = None) -> str:
        """Return the leaf in which people of a region are counted, None being an unknown one.

        That is the region itself, or the area `above` it (a town with county rights), or a rest.
        """
        if code is None:
            return UNKNOWN
        return self._drawn.get(code) or self._drawn.get(above or "", ELSEWHERE)


@cache
def load_tree(version: str = VERSION) -> RegionTree:
    """Read a version of the tree. Raises FileNotFoundError for one that never was."""
    content = (files("campaigns.reach") / "data" / f"regions-{version}.csv").read_bytes()
    rows = csv.DictReader(content.decode().splitlines())
    return RegionTree(version, hashlib.sha256(content).hexdigest(), tuple(_area(row) for row in rows))


def _area(row: Mapping[str, str]) -> Area:
    names = {language: row[language] for language in ("uk", "ar") if row[language]}
    given = {name: row[name] for name in ("key", "code", "drawn", "country", "iso3", "pcode", "name")}
    return Area(**given, names=names)
