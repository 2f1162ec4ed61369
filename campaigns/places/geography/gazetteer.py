"""An offline geopy geocoder finds own places and all regions by name, and asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from babel import Locale
from geopy.adapters import BaseSyncAdapter
from geopy.geocoders.base import Geocoder
from geopy.location import Location

from campaigns.core.errors import UnavailableError
from campaigns.core.words import N_
from campaigns.places.geography.atlas import RegionFacts, load_atlas
from campaigns.places.geography.cells import locate
from campaigns.places.geography.folded_names import fold
from campaigns.places.geography.shapes import Position, anchor_of
from campaigns.places.models import Place, Region

DEFAULT_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that has a name and a place on the map."""

    #: The region that it is, or in which it lies; None for a place at sea.
    region: RegionFacts | Region | None
    #: Folded names, in every script that is known.
    names: tuple[str, ...]
    #: Longitude and latitude in degrees; None for a region, whose point is found when it is asked for.
    position: Position | None
    #: Code of the region, or key of the place.
    code: str
    kind: str
    #: What a place is called; '' for a region, whose names are its own.
    name: str = ""


class OwnGazetteer(Geocoder):  # type: ignore[misc] # geopy has no types
    """Finds places by name (`geocode`) and regions by point (`reverse`); cannot open a connection.

    What it finds is told in `language`.
    """

    def __init__(self, places: Iterable[Place], language: str = "en") -> None:
        super().__init__(adapter_factory=NoConnection, user_agent="Fingerpost")
        self._language = language
        self._entries = [*map(_entry_of_place, places), *_region_entries()]

    def geocode(
        self, query: str, *, exactly_one: bool = True, limit: int = DEFAULT_LIMIT
    ) -> Location | list[Location] | None:
        """Return the best match or a list of at most `limit`, own places first; None when nothing matches."""
        found = self.search(query, limit)
        if not found:
            return None
        return found[0] if exactly_one else found

    def search(self, name: str, limit: int = DEFAULT_LIMIT) -> list[Location]:
        """Return at most `limit` matches, the best first, own places before regions."""
        wanted = fold(name)
        ranked = [
            (rank, entry) for entry in self._entries if wanted and (rank := _rank(entry, wanted)) is not None
        ]
        ranked.sort(key=lambda pair: pair[0])
        return [self._location_of(entry) for _, entry in ranked[:limit]]

    def reverse(self, query: tuple[float, float], *, exactly_one: bool = True) -> Location | list[Location] | None:
        """Return the region at (latitude, longitude) in degrees, or None at sea."""
        latitude, longitude = query
        code = locate(longitude, latitude).region_code
        region = load_atlas().get(code) if code else None
        if region is None:
            return None
        found = Location(self._label_of(region), (latitude, longitude), {"code": region.code, "kind": "region"})
        return found if exactly_one else [found]

    def _location_of(self, entry: Entry) -> Location:
        longitude, latitude = entry.position or _point_in(entry.code)
        label = self._label_of(entry.region, entry.name)
        return Location(label, (latitude, longitude), {"code": entry.code, "kind": entry.kind})

    def _label_of(self, region: RegionFacts | Region | None, name: str = "") -> str:
        """Return the name of a place, and region and country in which it lies."""
        where: tuple[str, ...] = ()
        if region is not None:
            country = Locale.parse(self._language).territories.get(region.country, region.country)
            where = (region.names.get(self._language) or region.name, country)
        return " · ".join((*((name,) if name else ()), *where))


class NoConnection(BaseSyncAdapter):  # type: ignore[misc] # geopy has no types
    """The adapter of a geocoder that has nobody to ask."""

    def get_json(self, url: str, **options: Any) -> NoReturn:
        raise UnavailableError(N_("The own list of place names asks no other host."))

    get_text = get_json


def _rank(entry: Entry, wanted: str) -> tuple[bool, int, int] | None:
    """Order matches: own places first; then the whole name, its beginning, that of a word; short names first."""
    steps = [
        (0 if name == wanted else 1 if name.startswith(wanted) else 2 if f" {wanted}" in name else 3, len(name))
        for name in entry.names
        if wanted in name
    ]
    return (entry.kind == "region", *min(steps)) if steps else None


def _entry_of_place(place: Place) -> Entry:
    names = tuple({fold(name): None for name in (place.name, place.local_name) if name})
    return Entry(place.region, names, anchor_of(place.geometry), place.key, "place", place.name)


@cache
def _region_entries() -> tuple[Entry, ...]:
    return tuple(_each_region())


def _each_region() -> Iterator[Entry]:
    for region in load_atlas().facts:
        names = tuple({fold(name): None for name in (region.name, *region.names.values())})
        yield Entry(region, names, None, region.code, "region")


def _point_in(code: str) -> Position:
    atlas = load_atlas()
    [row] = atlas.rows_of([code])
    inside = atlas.outlines[row].representative_point()
    return round(inside.x, 4), round(inside.y, 4)
