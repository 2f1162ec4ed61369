"""A geopy geocoder over the list of place names: what is asked of it can be asked of another one as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from geopy.geocoders.base import Geocoder
from geopy.location import Location

from campaigns.places.geography.atlas import load_atlas
from campaigns.places.geography.cells import locate
from campaigns.places.geography.gazetteer import NoConnection
from campaigns.places.place_names.candidates import Candidate, Decision, Match, decide
from campaigns.places.place_names.name_search import Found, Point, look_up
from campaigns.places.place_names.shown_names import country_for, name_for

DEFAULT_LIMIT = 8


class GazetteerGeocoder(Geocoder):  # type: ignore[misc] # geopy has no types
    """Finds towns and villages by name in any script; cannot open a connection."""

    def __init__(self) -> None:
        super().__init__(adapter_factory=NoConnection, user_agent="Fingerpost")

    def geocode(
        self,
        query: str,
        *,
        exactly_one: bool = True,
        limit: int = DEFAULT_LIMIT,
        language: str = "en",
        near: Sequence[Point] = (),
    ) -> Location | list[Location] | None:
        """Return the first match or a list of at most `limit`; None when nothing has such a name.

        Places with more people come first. The address is a name and country in `language`, as far as the list
        has them; `near` holds points (longitude, latitude) that are known of who asks, and the closest place is
        never cut off. `raw` tells population, match, metres and the number at GeoNames.
        """
        found = _kept(look_up(query, near=near), limit)
        if not found:
            return None
        locations = [
            _location_of(one, address) for one, address in zip(found, _addresses(found, language), strict=True)
        ]
        return locations[0] if exactly_one else locations


def understand(
    text: str, *, language: str = "en", near: Sequence[Point] = (), geocoder: Geocoder | None = None
) -> Decision:
    """Return which place somebody means who wrote `text`, or what they have to be asked.

    `near` holds points (longitude, latitude): where the person was last, else the places of the organisation. Of
    the answer only the cell may be kept (`cell_of`).
    """
    asked = geocoder or GazetteerGeocoder()
    found = asked.geocode(text, exactly_one=False, language=language, near=near) or []
    return decide([candidate_of(location) for location in found])


def candidate_of(location: Location) -> Candidate:
    """Return what may be meant by a location; one of another geocoder is taken for an inexact name."""
    raw = location.raw or {}
    return Candidate(
        shown=location.address,
        longitude=location.longitude,
        latitude=location.latitude,
        population=raw.get("population", 0),
        match=Match(raw.get("match", Match.NEARLY)),
        metres=raw.get("metres"),
    )


def _kept(found: list[Found], limit: int) -> list[Found]:
    """Return the first ones, and with them the closest."""
    kept = found[:limit]
    closest = min(
        (one for one in found if one.metres is not None), key=lambda one: one.metres or 0.0, default=None
    )
    return kept if closest is None or closest in kept else [*kept[:-1], closest]


def _addresses(found: Sequence[Found], language: str) -> list[str]:
    """Return name and country of each; where several have both in common, listed names, then regions as well."""
    named = [(name_for(one.place, language, typed=one.key), one) for one in found]
    named = [(name_for(one.place, language) if twice else name, one) for name, one, twice in _with_twins(named)]
    return [
        ", ".join((name, *(_region_of(one, language) if twice else ()), country_for(one.place.country, language)))
        for name, one, twice in _with_twins(named)
    ]


def _with_twins(named: list[tuple[str, Found]]) -> list[tuple[str, Found, bool]]:
    """Say of each name whether another place of its country has it as well."""
    count = Counter((name, one.place.country) for name, one in named)
    return [(name, one, count[name, one.place.country] > 1) for name, one in named]


def _region_of(found: Found, language: str) -> tuple[str, ...]:
    code = locate(found.place.longitude, found.place.latitude, country=found.place.country).region_code
    region = load_atlas().get(code) if code else None
    return (region.names.get(language, region.name),) if region else ()


def _location_of(found: Found, address: str) -> Location:
    place = found.place
    return Location(
        address,
        (place.latitude, place.longitude),
        {
            "kind": "town",
            "number": place.number,
            "country": place.country,
            "population": place.population,
            "match": found.match.value,
            "metres": found.metres,
        },
    )
