"""Region, country and zone of a point or cell, checked on the real polygons and the real locations."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.places.geography.atlas import load_atlas
from campaigns.places.geography.cells import cell_of, centre_of, locate, locate_cell, locate_cells


@pytest.mark.parametrize(
    ("name", "longitude", "latitude", "code"),
    [
        ("Simferopol", 34.10, 44.95, "UA-43"),
        ("Sevastopol", 33.52, 44.60, "UA-40"),
        ("Lviv", 24.03, 49.84, "UA-46"),
        ("Kyiv", 30.52, 50.45, "UA-30"),
        ("Przemyśl", 22.77, 49.78, "PL-18"),
        ("Warsaw", 21.01, 52.23, "PL-14"),
        ("Berlin Hbf", 13.37, 52.525, "DE-BE"),
        ("Chişinău", 28.86, 47.01, "MD-CU"),
        ("Tiraspol", 29.63, 46.84, "MD-SN"),
        ("Budapest", 19.06, 47.50, "HU-BU"),
        ("Nairobi", 36.82, -1.28, "KE-30"),
        ("Addis Ababa", 38.75, 9.03, "ET-AA"),
        ("Kampala", 32.58, 0.32, "UG-C"),
        ("Riyadh", 46.72, 24.69, "SA-01"),
        ("Beirut", 35.50, 33.89, "LB-BA"),
        ("Tehran", 51.39, 35.69, "IR-23"),
        ("London", -0.12, 51.51, "GB-ENG"),
        ("Cardiff", -3.18, 51.48, "GB-WLS"),
        ("Belfast", -5.93, 54.60, "GB-NIR"),
        ("San Juan", -66.06, 18.41, "PR"),
        ("Philipsburg", -63.05, 18.03, "SX"),
    ],
)
def test_city_lies_in_its_region(name: str, longitude: float, latitude: float, code: str) -> None:
    located = locate(longitude, latitude)
    assert (located.region_code, located.country) == (code, code[:2]), name


@pytest.mark.parametrize("position", [(34.10, 44.95), (33.52, 44.60), (36.47, 45.35), (35.38, 45.03)])
def test_crimea_belongs_to_ukraine(position: tuple[float, float]) -> None:
    assert locate(*position).country == "UA"


def test_zone_is_that_of_the_clocks() -> None:
    assert locate(34.10, 44.95).time_zone == "Europe/Simferopol"
    assert locate(24.03, 49.84).time_zone == "Europe/Kyiv"
    assert locate(22.77, 49.78).time_zone == "Europe/Warsaw"


def test_open_sea_has_no_region() -> None:
    located = locate(-30.0, 0.0)
    assert (located.region_code, located.country) == (None, None)


def test_harbour_belongs_to_nearest_coast() -> None:
    assert load_atlas().get("KE-X03") is not None
    assert locate(39.6636, -4.0547).region_code == "KE-X03"


def test_known_country_wins_at_the_border() -> None:
    medyka_crossing = (22.9437, 49.8)
    assert locate(*medyka_crossing).country == "UA"
    assert locate(*medyka_crossing, country="PL").region_code == "PL-18"


def test_point_far_outside_known_country_has_no_region() -> None:
    assert locate(36.82, -1.28, country="PL").region_code is None


def test_only_hrebenne_contradicts_its_stated_region() -> None:
    atlas, wrong = load_atlas(), []
    with (files("campaigns.demo") / "data" / "locations.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            found = locate(float(row["lon"]), float(row["lat"]), country=row["country"]).region_code or ""
            region = atlas.get(found)
            parent = region.parent if region else None
            if found not in atlas.drawn_codes(row["iso3166_2"]) and parent != row["iso3166_2"]:
                wrong.append((row["id"], found))
    assert wrong == [("bcp-hrebenne", "PL-18")]


@pytest.mark.parametrize(
    ("code", "drawn"),
    [
        ("PL-18", ("PL-18",)),
        ("KE-28", ("KE-X03",)),
        ("FR-974", ("RE",)),
        ("NL-SX", ("SX",)),
        ("HU-SZ", ("HU-SZ",)),
        ("PL-99", ()),
    ],
)
def test_code_leads_to_its_outline(code: str, drawn: tuple[str, ...]) -> None:
    assert load_atlas().drawn_codes(code) == drawn


def test_upper_level_code_leads_to_its_parts() -> None:
    assert {"FR-75C", "FR-93"} <= set(load_atlas().drawn_codes("FR-IDF"))


def test_country_is_always_start_of_code() -> None:
    atlas = load_atlas()
    assert len(atlas.facts) == 3923
    assert all(region.code[:2] == region.country for region in atlas.facts)


def test_many_cells_agree_with_single_ones() -> None:
    cells = [cell_of(19 + step * 0.31, 45 + step * 0.13) for step in range(40)]
    assert locate_cells(cells) == {cell: locate_cell(cell) for cell in cells}


def test_no_cells_need_no_answer() -> None:
    assert locate_cells([]) == {}


@given(st.floats(-180, 180), st.floats(-84, 84))
def test_cell_contains_its_own_centre(longitude: float, latitude: float) -> None:
    cell = cell_of(longitude, latitude)
    assert cell_of(*centre_of(cell)) == cell
