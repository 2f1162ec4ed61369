"""Sheets of locations and routes: what is read, and how each mistake is told by its line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.errors import FileFormatError, RowsError, TooManyRowsError
from campaigns.places.files.sheet_cells import decode_text, read_sheet, recognise_text, write_sheet
from campaigns.places.files.sheets import MAX_ROWS, radius_of, read_locations, read_routes

HEADER = "id,name,kind,country,iso3166_2,lat,lon,coord_src"


def problems_of(*lines: str) -> list[str]:
    with pytest.raises(RowsError) as told:
        read_locations("\n".join([HEADER, *lines]))
    return [str(problem) for problem in told.value.problems]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a,A,,PL,,91.5,22,", "Line 2, lat: 91.5 is no latitude"),
        ("a,A,,PL,,21,181,", "Line 2, lon: 181 is no longitude"),
        ("a,A,,PL,,22.9,49.8,", "Line 2, lat: the point lies far outside PL. Are lat and lon swapped?"),
        ("a,A,,,,10,179.999,", "Line 2, lon: The place reaches across the 180° line"),
        ("a,A,,PL,,north,22,", "Line 2, lat: north is not a number of degrees."),
        ("a,A,,PL,,49.8,,", "Line 2, lon: the lon is missing."),
        (",A,,PL,,49.8,22,", "Line 2, id: the id is missing."),
        ("a,,,PL,,49.8,22,", "Line 2, name: the name is missing."),
        ("a,A,,ZZ,,49.8,22,", "Line 2, country: ZZ is not the two-letter code of a country."),
        ("a,A,,PL,PL-99,49.8,22,", "Line 2, iso3166_2: PL-99 is not a region that can be drawn."),
        ("a,A,,PL,UA-46,49.8,22,", "Line 2, iso3166_2: UA-46 is not in PL."),
        ("a,A,border_crossing,PL,,49.8,22,", "Line 2, iso3166_2: a border crossing must state its region"),
        (f"a,A,{'k' * 61},PL,,49.8,22,", "Line 2, kind: at most 60 characters fit."),
        ("a,A,,PL,,49.8,22,,more", "Line 2: there are more cells than columns in the first line."),
    ],
)
def test_wrong_row_is_told_by_line(line: str, told: str) -> None:
    [problem] = problems_of(line)
    assert problem.startswith(told)


def test_every_wrong_row_is_told() -> None:
    told = problems_of("a,A,,PL,,49.8,22,", "", "a,B,,PL,,49.9,22,", "c,C,,QQ,,x,22,")
    assert told == [
        "Line 4, id: a is already on line 2.",
        "Line 5, lat: x is not a number of degrees.",
        "Line 5, country: QQ is not the two-letter code of a country.",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("id,name\na,A\n", "missing: lat and lon"),
        ("id,name,lat,lon,lat\n", "more than once: lat"),
        ("id,name,lat,,lon\n", "Column 4 has no name"),
        ('id,name,lat,lon\na,"A\n', "not valid CSV"),
    ],
)
def test_broken_file_is_told_first(text: str, told: str) -> None:
    with pytest.raises(FileFormatError, match=told):
        read_locations(text)


def test_endless_file_is_refused() -> None:
    lines = [f"p{number},P,,PL,,49.8,22," for number in range(MAX_ROWS + 1)]
    with pytest.raises(TooManyRowsError, match="5,000"):
        read_locations("\n".join([HEADER, *lines]))


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_usual_encodings_and_separators_are_read(coding: str, separator: str) -> None:
    text = "id,name,lat,lon\r\nlviv,Львів,49.84,23.99\r\n".replace(",", separator)
    [row] = read_locations(decode_text(text.encode(coding)))
    assert (row.name, row.latitude, row.longitude) == ("Львів", 49.84, 23.99)


@pytest.mark.parametrize("offset", range(3))
def test_letters_between_two_pieces_are_read(offset: int) -> None:
    text = "x" * offset + "ї" * 1_100_000
    assert recognise_text(text.encode()) == (text, "utf-8")


def test_decimal_comma_is_a_number() -> None:
    [row] = read_locations("id;name;lat;lon\na;A;49,84;23,99\n")
    assert (row.latitude, row.longitude) == (49.84, 23.99)


def test_picture_is_no_text_file() -> None:
    with pytest.raises(FileFormatError, match="not a text file"):
        decode_text(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x98")


@pytest.mark.parametrize(
    ("category", "source", "metres"),
    [
        ("rail_station", "H", 1_500),
        ("border_crossing", "K±5km", 5_000),
        ("reception_centre", "G (town) ±4km", 4_000),
        ("rail_station", "K±900km", 100_000),
        ("something new", "", 5_000),
        (None, "", 5_000),
    ],
)
def test_radius_follows_stated_accuracy_then_category(category: str | None, source: str, metres: int) -> None:
    assert radius_of(category, source) == metres


def test_route_needs_two_stops() -> None:
    with pytest.raises(RowsError, match="Line 2, waypoints: a route needs at least two waypoints"):
        read_routes("id,name,mode,waypoints\nr,R,rail,ua-lviv\n")


@pytest.mark.parametrize(
    ("read", "column"),
    [
        (read_locations, "certainty"),
        (read_routes, "programme"),
        (read_routes, "certainty"),
    ],
)
def test_words_that_no_column_has_room_for_are_told_by_line(
    read: Callable[[str], Sequence[Any]], column: str
) -> None:
    sheet = f"id,name,mode,waypoints,lat,lon,{column}\nr,R,rail,a > b,49.8,22,"
    assert len(read(sheet + "w" * 60)) == 1
    with pytest.raises(RowsError, match=f"Line 2, {column}: at most 60 characters fit."):
        read(sheet + "w" * 61)


def test_unknown_columns_are_kept() -> None:
    [row] = read_routes("id,name,mode,waypoints,donor\nr,R,rail,a > b,\n")
    assert row.extra == {"donor": ""}


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["C", "Z"])), min_size=3, max_size=3)))
def test_written_cells_are_read_back(rows: list[list[str]]) -> None:
    columns = ("a", "b", "c")
    cells = [{"a": f"x{row[0]}", "b": row[1], "c": row[2]} for row in rows]
    sheet = read_sheet(write_sheet(columns, cells), required=columns, max_rows=1000)
    assert [dict(line.cells) for line in sheet.lines] == cells


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd", "@sum"])
def test_formula_is_defused(cell: str) -> None:
    assert write_sheet(["a"], [{"a": cell}]) == f'"a"\n"\'{cell}"\n'


def test_negative_number_stays_a_number() -> None:
    assert write_sheet(["a"], [{"a": "-1.28"}, {"a": "-"}]) == '"a"\n"-1.28"\n"-"\n'


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("first", ["sep=;\r\n", "SEP=;\n", '"sep=;"\r\n', "sep=;;;\n"])
def test_line_that_tells_excel_the_separator_is_understood(first: str, mark: str) -> None:
    sheet = read_sheet(f"{mark}{first}id;name\r\na;A, the first\r\n", required=("id", "name"), max_rows=9)
    assert sheet.columns == ("id", "name")
    assert [(line.number, line.cells) for line in sheet.lines] == [(2, {"id": "a", "name": "A, the first"})]


def test_separator_is_the_one_that_is_named() -> None:
    sheet = read_sheet("sep=|\nid|name\na|A;B,C\n", required=("id", "name"), max_rows=9)
    assert sheet.lines[0].cells == {"id": "a", "name": "A;B,C"}


@pytest.mark.parametrize("text", ["sep=;x\nid;name\n", "sep=\nid;name\n"])
def test_other_words_in_the_first_line_are_a_header(text: str) -> None:
    with pytest.raises(FileFormatError, match="missing: id and name"):
        read_sheet(text, required=("id", "name"), max_rows=9)


def test_file_that_names_a_separator_only_is_empty() -> None:
    with pytest.raises(FileFormatError, match="empty"):
        read_sheet("sep=;\n", required=("id",), max_rows=9)
