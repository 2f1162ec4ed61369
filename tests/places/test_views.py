"""The pages of places as members use them, with and without a map."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update

from campaigns.places.files.sheets import read_locations, read_routes
from campaigns.places.models import Place, PlaceAuthor, PlaceKind, Route
from campaigns.places.service import import_places, import_routes
from campaigns.staff.models import Role
from tests.factories import a_place, a_region
from tests.web.pages import Pages, client_for, pages

__all__ = ["client_for", "pages"]

STOPS = """id,name,lat,lon,country,iso3166_2
lviv,Lviv,49.8398,23.9942,UA,UA-46
prz,Przemyśl,49.7837,22.7764,PL,PL-18
"""
ROUTE = "id,name,mode,waypoints\nout,Lviv – Przemyśl,rail,lviv > prz\n"
CIRCLE = {
    "name": "Station",
    "kind": "hotspot",
    "shape": "circle",
    "latitude": "49,78",
    "longitude": "22.77",
    "radius_km": "2",
    "category": "",
    "certainty": "",
}
LINE = {"name": "Out", "mode": "rail", "width_km": "20", "programme": "", "certainty": ""}


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite alone: what pages store runs on both databases in test_service.py."""
    return sqlite_engine


@pytest.fixture
def author(pages: Pages) -> FlaskClient:
    with pages.sessions.begin() as session:
        for code in ("UA-46", "PL-18", "PL-06"):
            a_region(session, code=code, country=code[:2], name=f"Region {code}")
    return pages.client(pages.member(Role.AUTHOR))


@pytest.fixture
def route(pages: Pages, author: FlaskClient) -> Route:
    with pages.sessions.begin() as session:
        import_places(session, pages.ours.id, read_locations(STOPS), by=None, source="2022 scenario")
        import_routes(session, pages.ours.id, read_routes(ROUTE), by=None)
        return session.scalars(select(Route)).one()


def stop_ids(pages: Pages) -> list[int]:
    with pages.sessions() as session:
        return list(session.scalars(select(Place.id).where(Place.kind == PlaceKind.STOP).order_by(Place.name)))


def only(pages: Pages, kind: PlaceKind = PlaceKind.HOTSPOT) -> Place:
    with pages.sessions() as session:
        return session.scalars(select(Place).where(Place.kind == kind)).one()


def test_empty_page_says_what_to_do(author: FlaskClient) -> None:
    page = author.get("/places").text
    assert "Mark the first place" in page
    assert "/places/new" in page


def test_circle_is_saved_from_the_form(pages: Pages, author: FlaskClient) -> None:
    answer = author.post("/places/new", data=CIRCLE)
    place = only(pages)
    # A jump to the place would pass what was done, unread.
    assert answer.location.endswith("/places")
    assert place.geometry == {"type": "Point", "coordinates": [22.77, 49.78]}
    assert place.radius_m == 2000
    page = author.get("/places").text
    assert f'Station is on the map. <a href="/places#place-{place.id}">Show it in the list</a>' in page


def test_outline_is_saved_from_pasted_feature(pages: Pages, author: FlaskClient) -> None:
    ring = [[22.7, 49.7], [22.9, 49.7], [22.9, 49.9], [22.7, 49.7]]
    pasted = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    author.post("/places/new", data=CIRCLE | {"shape": "outline", "outline": json.dumps(pasted)})
    assert only(pages).geometry["coordinates"] == [ring]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"latitude": "95"}, "95 is no latitude"),
        ({"latitude": "north"}, "This is not a number."),
        ({"latitude": ""}, "Enter latitude, longitude and radius, or draw the place on the map."),
        ({"radius_km": "500"}, "From 0.05 to 100 km."),
        ({"name": ""}, "This field is required."),
        ({"name": " \t"}, "This field is required."),
        ({"name": "a\0b"}, "a character that cannot be stored"),
        ({"category": "border_crossing"}, "A border crossing must state its region"),
        ({"region_code": "PL-99"}, "PL-99 is not a region"),
        ({"region_code": "Limburg"}, "Several regions have this name: write the code of one, BE-VLI, NL-LI."),
        ({"shape": "outline", "outline": "[1,"}, "This is not GeoJSON"),
        (
            {
                "shape": "outline",
                "outline": '{"type":"Polygon","coordinates":[[[20,50],[21,51],[21,50],[20,51],[20,50]]]}',
            },
            "The outline crosses itself",
        ),
    ],
)
def test_bad_input_is_told_and_nothing_saved(
    pages: Pages, author: FlaskClient, changes: dict[str, str], sentence: str
) -> None:
    answer = author.post("/places/new", data=CIRCLE | changes)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "<title>Problem: " in answer.text
    assert answer.text.count("autofocus") == 1
    with pages.sessions() as session:
        assert session.scalars(select(Place)).all() == []


def test_place_is_changed_and_deleted(pages: Pages, author: FlaskClient) -> None:
    author.post("/places/new", data=CIRCLE)
    place = only(pages)
    assert 'value="49.78"' in author.get(f"/places/{place.id}").text
    author.post(f"/places/{place.id}", data=CIRCLE | {"name": "Old town", "radius_km": "0.5"})
    assert (only(pages).name, only(pages).radius_m) == ("Old town", 500)
    assert "cannot be undone" in author.get(f"/places/{place.id}/delete").text
    author.post(f"/places/{place.id}/delete")
    assert author.get(f"/places/{place.id}").status_code == 404


@pytest.mark.parametrize("way", ["", "?find=Medyka", "?name=Medyka"])
def test_form_from_before_a_place_was_moved_does_not_move_it_back(
    pages: Pages, author: FlaskClient, way: str
) -> None:
    author.post("/places/new", data=CIRCLE)
    place = only(pages)
    path = f"/places/{place.id}"
    mark = {"typed_mark": mark_of(author.get(path + way).text)}
    # A member who sees the region in another language has the same before their eyes.
    author.post("/language", data={"language": "uk"})
    saved = author.post(path, data=CIRCLE | {"latitude": "50.5"} | mark)
    author.post("/language", data={"language": "en"})
    assert saved.location == "/places"
    answer = author.post(path, data=CIRCLE | {"note": "Ask at the gate"} | mark, follow_redirects=True)
    assert "Nothing was saved: somebody changed this" in answer.text
    assert "Ask at the gate</textarea>" in answer.text
    moved = only(pages)
    assert (moved.geometry["coordinates"][1], moved.note) == (50.5, None)
    again = CIRCLE | {"latitude": "50.5", "note": "Ask at the gate", "typed_mark": mark_of(answer.text)}
    assert author.post(path, data=again).location == "/places"
    assert (only(pages).note, only(pages).geometry) == ("Ask at the gate", moved.geometry)


def mark_of(page: str) -> str:
    """Return the mark of the first form that is kept on a page."""
    return str(re.findall(r'name="typed_mark" value="([^"]+)"', page)[0])


def test_search_finds_places_and_regions_in_any_script(author: FlaskClient, route: Route) -> None:
    assert "Lviv · Region UA-46" in author.get("/places/new?find=lviv").text
    assert "Lviv Oblast · Ukraine" in author.get("/places/new?find=Львівська").text
    assert "Enter the coordinates instead" in author.get("/places/new?find=zzzz").text


def test_towns_are_found_with_their_credit(author: FlaskClient) -> None:
    page = author.get("/places/new?find=Дорогуськ").text
    assert "Dorohusk, Poland" in page
    assert "Town or village" in page
    assert page.count("Places: GeoNames (CC BY 4.0)") == 2, "beside the towns, and on the map"
    assert author.get("/places/new?find=zzzz").text.count("GeoNames") == 1
    assert "Rzeszów, Poland" in author.get("/places/new?find=Rzezsow").text
    filled = author.get("/places/new?latitude=49.84&longitude=23.99").text
    assert 'value="49.84"' in filled


def test_list_names_routes_stops_and_scenario(author: FlaskClient, route: Route) -> None:
    page = author.get("/places").text
    assert "Lviv – Przemyśl" in page
    assert "2 waypoints" in page
    assert "Poland" in page
    assert "2022 scenario" in page


def test_stop_of_route_is_not_deleted(pages: Pages, author: FlaskClient, route: Route) -> None:
    stop = stop_ids(pages)[0]
    assert "Take it out of them first" in author.get(f"/places/{stop}/delete").text
    assert author.post(f"/places/{stop}/delete").status_code == 409


def test_buttons_rearrange_without_saving(pages: Pages, author: FlaskClient, route: Route) -> None:
    lviv, przemysl = stop_ids(pages)
    form = LINE | {"name": "Out", "mode": "rail", "width_km": "20", "stops": [str(lviv), str(przemysl)]}
    page = author.post(f"/places/routes/{route.id}", data=form | {"act": "down:0"}).text
    assert page.index(f'name="stops" value="{przemysl}"') < page.index(f'name="stops" value="{lviv}"')
    page = author.post(f"/places/routes/{route.id}", data=form | {"act": "add", "addition": str(lviv)}).text
    assert page.count(f'name="stops" value="{lviv}"') == 2
    page = author.post(f"/places/routes/{route.id}", data=form | {"act": "remove:1"}).text
    assert f'name="stops" value="{przemysl}"' not in page
    with pages.sessions() as session:
        assert session.get_one(Route, route.id).name == "Lviv – Przemyśl"


def test_route_is_saved_in_its_new_order(pages: Pages, author: FlaskClient, route: Route) -> None:
    lviv, przemysl = stop_ids(pages)
    form = LINE | {"name": "Back", "mode": "road", "width_km": "7,5", "stops": [str(przemysl), str(lviv)]}
    author.post(f"/places/routes/{route.id}", data=form)
    with pages.sessions() as session:
        saved = session.get_one(Route, route.id)
        assert (saved.name, saved.width_m) == ("Back", 7500)
        assert [stop.place_id for stop in saved.stops] == [przemysl, lviv]


def test_copy_of_a_route_begins_as_the_route_is(pages: Pages, author: FlaskClient, route: Route) -> None:
    address = f"/places/routes/new?copy={route.id}"
    assert address in author.get(f"/places/routes/{route.id}").text
    page = author.get(address).text
    assert f'value="{route.name} 2"' in page
    for stop in stop_ids(pages):
        assert f'name="stops" value="{stop}"' in page
    assert author.get("/places/routes/new?copy=999").status_code == 404


def test_copy_of_a_route_has_the_authors_of_the_route(pages: Pages, author: FlaskClient, route: Route) -> None:
    other = pages.member(Role.AUTHOR)
    with pages.sessions.begin() as session:
        session.add(PlaceAuthor(place_id=route.corridor_id, member_id=other.id))
    stops = [str(stop) for stop in stop_ids(pages)]
    form = LINE | {"name": "Out 2", "mode": "road", "width_km": "20", "stops": stops}
    author.post(f"/places/routes/new?copy={route.id}", data=form)
    with pages.sessions() as session:
        copy = session.scalars(select(Route).order_by(Route.id.desc())).first()
        assert copy is not None
        of_copy = select(PlaceAuthor.member_id).where(PlaceAuthor.place_id == copy.corridor_id)
        assert (copy.name, other.id in session.scalars(of_copy).all()) == ("Out 2", True)


def test_route_with_one_stop_is_refused(pages: Pages, author: FlaskClient, route: Route) -> None:
    form = LINE | {"name": "Short", "mode": "road", "width_km": "20", "stops": [str(stop_ids(pages)[0])]}
    answer = author.post("/places/routes/new", data=form)
    assert answer.status_code == 422
    assert "A route needs at least two waypoints." in answer.text


def test_route_is_deleted_but_not_its_stops(pages: Pages, author: FlaskClient, route: Route) -> None:
    author.post(f"/places/routes/{route.id}/delete")
    assert author.get(f"/places/routes/{route.id}").status_code == 404
    assert len(stop_ids(pages)) == 2


def test_corridor_has_no_page_of_its_own(author: FlaskClient, route: Route) -> None:
    assert author.get(f"/places/{route.corridor_id}").status_code == 404


def test_map_draws_places_corridor_and_legs(author: FlaskClient, route: Route) -> None:
    drawn = author.get("/places/map.json").json
    assert drawn is not None
    kinds = [feature["properties"]["kind"] for feature in drawn["features"]]
    assert kinds == ["stop", "stop", "corridor", "leg"]


def test_outlines_come_packed_and_only_once(author: FlaskClient, route: Route) -> None:
    address = "/places/outlines.geojson?countries=PL,UA,ZZ&language=en"
    answer = author.get(address, headers={"Accept-Encoding": "gzip"})
    land = json.loads(gzip.decompress(answer.data))
    names = {one["properties"]["name"] for one in land["features"] if one["properties"]["kind"] == "label"}
    assert names == {"Poland", "Ukraine"}
    assert len(answer.data) < 250_000
    again = author.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert json.loads(author.get(address).data) == land


def test_files_are_imported_and_exported(pages: Pages, author: FlaskClient) -> None:
    for name, text in (("places.csv", STOPS), ("routes.csv", ROUTE)):
        answer = author.post("/places/import", data={"file": (io.BytesIO(text.encode()), name)})
        assert answer.status_code == 302
    assert "1 added." in author.get("/places").text
    rows = list(csv.reader(author.get("/places/locations.csv").text.splitlines()))
    assert rows[2][:11] == ["prz", "Przemyśl", "", "", "PL", "PL-18", "", "", "", "49.7837", "22.7764"]
    assert "lviv > prz" in author.get("/places/routes.csv").text


def test_hotspots_survive_geojson(pages: Pages, author: FlaskClient) -> None:
    author.post("/places/new", data=CIRCLE | {"risk_tags": ["fake_volunteer"], "valid_until": "2026-12-31"})
    first = author.get("/places/hotspots.geojson").data
    author.post("/places/import", data={"file": (io.BytesIO(first), "hotspots.geojson")})
    assert author.get("/places/hotspots.geojson").data == first
    assert only(pages).risk_tags == ["fake_volunteer"]


def test_wrong_rows_are_listed_and_nothing_imported(pages: Pages, author: FlaskClient) -> None:
    text = STOPS + "bad,Bad,99,22,PL,\n"
    answer = author.post("/places/import", data={"file": (io.BytesIO(text.encode()), "places.csv")})
    assert answer.status_code == 422
    assert "99 is no latitude" in answer.text
    assert ">4</th>" in answer.text
    assert stop_ids(pages) == []


def test_file_that_is_no_sheet_is_told(author: FlaskClient) -> None:
    answer = author.post("/places/import", data={"file": (io.BytesIO(b"\x89PNG\x00\x98\x01"), "picture.csv")})
    assert answer.status_code == 422
    assert "This is not a text file." in answer.text


def test_foreign_places_are_not_shown(pages: Pages, author: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        foreign = a_place(session, pages.theirs, name="Their secret")
    assert "Their secret" not in author.get("/places").text
    assert "Their secret" not in author.get("/places/map.json").text
    assert author.get(f"/places/{foreign.id}").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_only_who_writes_or_approves_sees_places(client_for: Callable[..., FlaskClient], role: Role) -> None:
    assert client_for(role).get("/places").status_code == 403


def test_approver_sees_places_and_changes_none(pages: Pages, client_for: Callable[..., FlaskClient]) -> None:
    with pages.sessions.begin() as session:
        place = a_place(session, pages.ours, name="Medyka crossing")
    approver = client_for(Role.APPROVER)
    page = approver.get("/places").text
    assert "Medyka crossing" in page
    assert "Medyka crossing" in approver.get("/places/map.json").text
    assert f'href="/places/{place.id}"' in page
    assert "/places/new" not in page
    assert "Import" not in page
    assert approver.post(f"/places/{place.id}", data=CIRCLE).status_code == 403


def test_second_place_of_a_name_is_told(author: FlaskClient) -> None:
    said = "There is another place called Station."
    assert said not in author.post("/places/new", data=CIRCLE, follow_redirects=True).text
    assert said in author.post("/places/new", data=CIRCLE | {"latitude": "50"}, follow_redirects=True).text


def test_programme_is_the_own_word_of_an_organisation(pages: Pages, author: FlaskClient, route: Route) -> None:
    """Those of the bundled routes are offered to nobody who has none of these routes."""
    page = author.get(f"/places/routes/{route.id}").text
    assert "To the Gulf" not in page
    assert "point on the map rough" not in page
    address, stops = f"/places/routes/{route.id}", stop_ids(pages)
    for typed, stored, shown in (
        (" Safe  roads ", "Safe roads", "Safe roads"),
        ("west_africa", "west_africa", "west_africa"),
        ("to the gulf", "gulf", "To the Gulf"),
    ):
        assert author.post(address, data=LINE | {"stops": stops, "programme": typed}).status_code == 302
        with pages.sessions() as session:
            assert session.get_one(Route, route.id).programme == stored
        assert f'value="{shown}"' in author.get(address).text
    page = author.get("/places/routes/new").text
    assert '<option value="To the Gulf">' in page
    assert "From Ukraine" not in page
    assert "To the Gulf" in author.get("/places").text


def test_certainty_that_a_file_said_can_be_kept(pages: Pages, author: FlaskClient) -> None:
    said = "high (place) / low (coords)"
    author.post("/places/new", data=CIRCLE)
    with pages.sessions.begin() as session:
        session.execute(update(Place).values(certainty=said))
    assert f'<option selected value="{said}">Place certain' in author.get(f"/places/{only(pages).id}").text


def test_map_gets_the_towns_of_what_it_shows(author: FlaskClient) -> None:
    answer = author.get("/places/towns.json?language=en&frame=22.7,49.7,23.0,49.9")
    assert answer.get_json()[0][0] == "Przemyśl"
    assert "GeoNames" in author.get("/places").text
    for frame in ("", "1,2,3", "1,2,3,nan", "a,b,c,d"):
        assert author.get(f"/places/towns.json?frame={frame}").status_code == 404


@pytest.fixture
def crossings(pages: Pages, author: FlaskClient) -> None:
    with pages.sessions.begin() as session:
        for number in range(160):
            a_place(
                session,
                pages.ours,
                name=f"Crossing {number:03}",
                local_name="Перехід Шегині" if number == 57 else None,
            )


def listed(page: str) -> list[str]:
    return re.findall(r'data-names="([^"]+)"', page)


def test_long_list_is_cut_by_name(author: FlaskClient, crossings: None) -> None:
    first = author.get("/places").text
    assert len(listed(first)) == 150
    assert 'Hotspots <span class="quiet">160</span>' in first
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    assert [name[:12] for name in listed(author.get(following[1]).text)] == [
        f"Crossing {n}" for n in range(150, 160)
    ]


def test_place_on_any_page_is_found_by_its_names(author: FlaskClient, crossings: None) -> None:
    assert listed(author.get("/places?find=шегині").text) == ["Crossing 057 Перехід Шегині"]
    assert "Nothing has this name." in author.get("/places?find=nowhere").text


def test_saved_place_is_shown_wherever_it_stands_in_a_long_list(author: FlaskClient, crossings: None) -> None:
    said = author.post("/places/new", data=CIRCLE, follow_redirects=True).text
    where = re.search(r'href="([^"]+)">Show it in the list', said)
    assert where
    assert listed(author.get(where[1]).text) == ["Station "]


def test_address_of_a_list_is_no_way_to_another(author: FlaskClient, crossings: None) -> None:
    page = author.get("/places?_external=1&_scheme=ftp&_anchor=x&hotspots_after=1").text
    assert "ftp:" not in page
