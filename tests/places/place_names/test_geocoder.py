"""The list of place names is asked as any geocoder of geopy is, and another one may take its place."""

from __future__ import annotations

from typing import Any

import pytest
from geopy.geocoders.base import Geocoder
from geopy.location import Location

from campaigns.core.errors import UnavailableError
from campaigns.places.geography.cells import cell_of, locate_cell
from campaigns.places.place_names.candidates import Match
from campaigns.places.place_names.geocoder import GazetteerGeocoder, candidate_of, understand


class Elsewhere(Geocoder):  # type: ignore[misc] # geopy has no types
    """Another geocoder, which tells an address and a point only."""

    def geocode(self, query: str, *, exactly_one: bool = True, **_: object) -> list[Location] | None:
        return [Location(f"{query}, elsewhere", (1.0, 2.0), {})] if query != "nowhere" else None


def every(query: str, **options: Any) -> list[Location]:
    found = GazetteerGeocoder().geocode(query, exactly_one=False, **options)
    assert isinstance(found, list)
    return found


def test_locations_are_those_of_geopy() -> None:
    [found] = every("Медика", language="uk")
    assert (found.address, found.latitude, found.longitude) == ("Medyka, Польща", 49.80526, 22.92229)
    assert found.raw == {
        "kind": "town",
        "number": 765028,
        "country": "PL",
        "population": 2800,
        "match": "spelt",
        "metres": None,
    }


def test_best_match_alone_when_exactly_one() -> None:
    geocoder = GazetteerGeocoder()
    assert str(geocoder.geocode("Busia")) == every("Busia")[0].address
    assert geocoder.geocode("xyzzyx") is None
    assert geocoder.geocode("xyzzyx", exactly_one=False) is None


def test_limit_never_cuts_off_the_closest() -> None:
    near = [(22.0, 51.0)]
    closest = min(every("San Juan", near=near, limit=100), key=lambda location: location.raw["metres"])
    few = every("San Juan", near=near, limit=2)
    assert len(few) == 2
    assert closest.raw["number"] in {location.raw["number"] for location in few}


def test_geocoder_cannot_ask_anybody() -> None:
    with pytest.raises(UnavailableError):
        GazetteerGeocoder().adapter.get_json("https://example.org")


def test_place_leads_to_its_region_by_its_cell() -> None:
    place = understand("Przemyśl").place
    assert place is not None
    located = locate_cell(cell_of(place.longitude, place.latitude))
    assert (located.region_code, located.country, located.time_zone) == ("PL-18", "PL", "Europe/Warsaw")


def test_another_geocoder_is_asked_about_before_it_is_believed() -> None:
    elsewhere = Elsewhere()
    decision = understand("Lublin", geocoder=elsewhere)
    assert decision.place is None
    assert [choice.shown for choice in decision.choices] == ["Lublin, elsewhere"]
    assert understand("nowhere", geocoder=elsewhere).choices == ()
    assert candidate_of(Location("x", (1.0, 2.0), {})).match is Match.NEARLY
