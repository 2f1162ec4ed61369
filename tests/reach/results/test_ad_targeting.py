"""The sheet for ad managers names circles that hold the whole place, within what platforms take."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from campaigns.places.models import Place
from campaigns.reach.results.ad_targeting import radius_km, write_targeting

MEDYKA = {"type": "Point", "coordinates": [22.94, 49.8]}
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[22.0, 49.0], [22.1, 49.0], [22.1, 49.1], [22.0, 49.1], [22.0, 49.0]]],
}


@pytest.mark.parametrize(
    ("geometry", "radius_m", "km"),
    [(MEDYKA, 3000, 3), (MEDYKA, 3001, 4), (MEDYKA, 200, 1), (MEDYKA, 200_000, 80), (SQUARE, None, 7)],
)
def test_circle_holds_the_place(geometry: dict[str, Any], radius_m: int | None, km: int) -> None:
    assert radius_km(Place(name="P", geometry=geometry, radius_m=radius_m)) == km


def test_sheet_has_latitude_before_longitude() -> None:
    sheet = write_targeting([Place(name="=Medyka", geometry=MEDYKA, radius_m=5000)])
    rows = list(csv.reader(sheet.splitlines()))
    assert rows == [
        ["name", "country", "latitude", "longitude", "radius_km"],
        ["'=Medyka", "", "49.80000", "22.94000", "5"],
    ]
