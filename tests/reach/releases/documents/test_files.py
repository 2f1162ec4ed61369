"""Every format says what the document says, runs nothing in a spreadsheet, and keeps to its standard."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import hxl
import pytest
import shapely
from python_calamine import CalamineWorkbook

from campaigns.reach.releases.documents.document import Heading, read_document, write_document
from campaigns.reach.releases.documents.files import HXL, write_files
from campaigns.reach.releases.models import View
from campaigns.reach.releases.periods import period_named
from campaigns.reach.releases.privacy.disclose import shape_of
from campaigns.reach.releases.privacy.region_tree import load_tree
from campaigns.reach.releases.privacy.small_areas import fold

NAME = '=HYPERLINK("http://example.org";"x")'


@pytest.fixture(scope="module")
def body() -> bytes:
    """A release with figures of areas, of others and of the rest, by an organisation with an unfriendly name."""
    tree = load_tree()
    shape = shape_of(View.REGIONS, tree)
    counts = dict.fromkeys(shape.leaves, 0) | {"PL-18": 40, "PL-06": 8, "PL-12": 7, "UA-46": 9, "elsewhere": 12}
    made_at = datetime(2026, 4, 5, tzinfo=UTC)
    heading = Heading(
        View.REGIONS, "organisation", (NAME,), ("+K7", "K7"), period_named("2026-03"), 1, "", made_at
    )
    return write_document(heading, tree, shape, fold(counts, shape.parents))


@pytest.fixture(scope="module")
def files(body: bytes) -> dict[str, bytes]:
    return write_files(body)


def test_same_document_gives_the_same_bytes(body: bytes, files: dict[str, bytes]) -> None:
    assert write_files(body) == files
    assert files["json"] == body


def test_figures_are_the_same_in_every_format(body: bytes, files: dict[str, bytes]) -> None:
    wanted = [str(row["people"]) for row in read_document(body)["rows"] if row["people"] is not None]
    assert wanted == ["40", "15", "10"]
    tables = (rows_of(files["csv"])[1:], rows_of(files["hxl"])[2:])
    for rows, column in zip(tables, (7, 14), strict=True):
        assert [row[column] for row in rows if row[column].isdigit()] == wanted
    features = json.loads(files["geojson"])["features"]
    assert [str(each["properties"]["people"]) for each in features if each["properties"]["people"]] == wanted


def rows_of(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_hidden_rows_name_where_they_are_counted(files: dict[str, bytes]) -> None:
    rows = {row[2]: row for row in rows_of(files["csv"])[1:]}
    assert rows["PL-06"][7:10] == ["", "", "Poland – Other areas"]
    assert rows["UA-46"][7:10] == ["", "", "Other areas"]
    assert rows_of(files["csv"])[-1][7] == "<10"


def test_no_cell_begins_a_formula(files: dict[str, bytes]) -> None:
    for name in ("csv", "hxl"):
        assert not [cell for row in rows_of(files[name]) for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_hxl_is_valid_by_the_default_schema(files: dict[str, bytes]) -> None:
    source = hxl.data(io.BytesIO(files["hxl"]), hxl.InputOptions(allow_local=True))
    found = hxl.validate(source, hxl.schema())
    assert (found["is_valid"], found["stats"]["error"], found["stats"]["warning"]) == (True, 0, 0)
    assert [column.display_tag for column in source.columns] == [tag for _, tag in HXL]


def test_schema_would_find_a_wrong_date(files: dict[str, bytes]) -> None:
    wrong = io.BytesIO(files["hxl"].replace(b',"2026-03-01",', b',"the first of March",'))
    assert not hxl.validate(hxl.data(wrong, hxl.InputOptions(allow_local=True)), hxl.schema())["is_valid"]


def test_workbook_has_numbers_and_no_formula(files: dict[str, bytes]) -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(files["xlsx"]))
    assert book.sheet_names == ["Reach", "About"]
    rows = book.get_sheet_by_name("Reach").to_python()
    assert [row[7] for row in rows if isinstance(row[7], float)] == [40, 15, 10]
    about = book.get_sheet_by_name("About").to_python()
    assert NAME in str(about)
    with zipfile.ZipFile(io.BytesIO(files["xlsx"])) as parts:
        sheets = [parts.read(name) for name in parts.namelist() if "worksheets/" in name]
    assert len(sheets) == 2
    assert not [sheet for sheet in sheets if b"<f>" in sheet or b"<f " in sheet or b"hyperlink" in sheet]


def test_map_keeps_to_rfc_7946(files: dict[str, bytes]) -> None:
    content = json.loads(files["geojson"])
    assert content["type"] == "FeatureCollection"
    assert "crs" not in content
    assert all({"type", "geometry", "properties"} <= set(each) for each in content["features"])
    drawn = [each["geometry"] for each in content["features"] if each["geometry"] is not None]
    assert len(drawn) == len(load_tree().areas)
    for geometry in drawn:
        check_polygons(geometry)


def check_polygons(geometry: dict[str, Any]) -> None:
    """Longitude first, closed rings of at least four positions, outer ones anticlockwise and holes clockwise."""
    assert geometry["type"] in ("Polygon", "MultiPolygon")
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    for rings in polygons:
        for number, ring in enumerate(rings):
            assert len(ring) >= 4
            assert ring[0] == ring[-1]
            assert all(-180 <= east <= 180 and -90 <= north <= 90 for east, north in ring)
            assert shapely.is_ccw(shapely.linearrings(ring)) == (number == 0)


def test_codes_of_our_own_are_never_told(files: dict[str, bytes]) -> None:
    for name in ("csv", "hxl", "geojson", "json"):
        assert b"KE-X0" not in files[name]
