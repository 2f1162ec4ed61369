"""Hotspots as GeoJSON: pasted, read from a file, and told what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from campaigns.core.errors import FileFormatError, GeometryError, RowsError
from campaigns.places.files.geojson import read_hotspots, read_pasted

RING = [[22.7, 49.7], [22.9, 49.7], [22.9, 49.9], [22.7, 49.7]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}


def a_feature(**changes: Any) -> dict[str, Any]:
    return {"type": "Feature", "geometry": POLYGON, "properties": {"name": "A"}} | changes


def a_file(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


@pytest.mark.parametrize(
    "pasted", [POLYGON, a_feature(), {"type": "FeatureCollection", "features": [a_feature()]}]
)
def test_geometry_is_found_in_its_wrapping(pasted: dict[str, Any]) -> None:
    assert read_pasted(json.dumps(pasted)) == POLYGON


@pytest.mark.parametrize("pasted", ["", "{", "[" * 100_000, a_file(a_feature(), a_feature())])
def test_pasted_rubbish_is_refused(pasted: str) -> None:
    with pytest.raises(GeometryError):
        read_pasted(pasted)


def test_point_is_a_circle() -> None:
    point = {"type": "Point", "coordinates": [22.8, 49.8]}
    [(key, draft)] = read_hotspots(
        a_file(a_feature(id=7, geometry=point, properties={"name": "A", "radius_m": 900}))
    )
    assert (key, draft.shape.radius_m) == ("7", 900)


@pytest.mark.parametrize(
    ("feature", "sentence"),
    [
        (None, "not a GeoJSON Feature"),
        (a_feature(id="route/corridor"), "An id is one word"),
        (a_feature(properties=None), "The name is missing."),
        (a_feature(properties={"name": " "}), "The name is missing."),
        (a_feature(properties={"name": "x" * 201}), "at most 200 characters"),
        (a_feature(properties={"name": "half \ud800"}), "must be a text"),
        (a_feature(properties={"name": "A", "valid_until": "soon"}), "soon is not a date"),
        (a_feature(geometry=None), "no shape on the map"),
        (a_feature(geometry={"type": "Point", "coordinates": ["east"]}), "A point needs longitude"),
        (a_feature(geometry={"type": "Point", "coordinates": [10**400, 1]}), "A point needs longitude"),
        (
            a_feature(geometry={"type": "Polygon", "coordinates": [[[1, 99], [2, 99], [2, 98]]]}),
            "99 is no latitude",
        ),
    ],
)
def test_wrong_feature_is_told_by_its_number(feature: Any, sentence: str) -> None:
    with pytest.raises(RowsError, match="Line 2: ") as told:
        read_hotspots(a_file(a_feature(), feature))
    assert sentence in str(told.value)


def test_same_id_twice_is_told() -> None:
    with pytest.raises(RowsError, match="Line 2: The id a was given before"):
        read_hotspots(a_file(a_feature(id="a"), a_feature(id="a")))


@pytest.mark.parametrize("text", ["{", '{"type": "Polygon"}', "[1]", a_file(*[a_feature()] * 1001)])
def test_other_files_are_refused(text: str) -> None:
    with pytest.raises(FileFormatError):
        read_hotspots(text)


def test_name_may_be_written_as_map_programs_do() -> None:
    [(_, draft)] = read_hotspots(a_file(a_feature(properties={"Name": "Medyka"})))
    assert draft.name == "Medyka"


def test_place_without_a_shape_is_told_so() -> None:
    with pytest.raises(RowsError, match="no shape on the map"):
        read_hotspots(a_file(a_feature(geometry=None)))


@pytest.mark.parametrize(
    ("tags", "kept"), [(["a", 1, "half \ud800", "\0"], ("a",)), (5, ()), ("abc", ()), (None, ())]
)
def test_what_is_no_list_of_words_gives_no_tags(tags: Any, kept: tuple[str, ...]) -> None:
    [(_, draft)] = read_hotspots(a_file(a_feature(properties={"name": "A", "risk_tags": tags})))
    assert draft.risk_tags == kept
