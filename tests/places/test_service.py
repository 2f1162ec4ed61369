"""Saving, moving, deleting and importing places and routes, on both databases."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.errors import (
    GeometryError,
    InputError,
    RefusedError,
    RouteError,
    RowsError,
    TooManyRowsError,
    UnavailableError,
)
from campaigns.places import route_rows
from campaigns.places.drafts import PlaceDraft, RouteDraft, circle, outline
from campaigns.places.files.sheets import read_locations, read_routes, write_locations, write_routes
from campaigns.places.geography.cover import cover_circle, cover_corridor
from campaigns.places.models import Place, PlaceCell, PlaceKind, Region, Route
from campaigns.places.queries import find_region, select_places, select_routes
from campaigns.places.service import (
    delete_place,
    delete_route,
    import_file,
    import_places,
    import_routes,
    load_regions,
    save_hotspot,
    save_route,
    update_place,
)
from campaigns.staff.models import AuditEntry, Organisation
from tests.factories import a_place, a_region, an_organisation

pytestmark = pytest.mark.one_database

LOCATIONS = (files("campaigns.demo") / "data" / "locations.csv").read_text(encoding="utf-8")
ROUTES = (files("campaigns.demo") / "data" / "routes.csv").read_text(encoding="utf-8")


@pytest.fixture
def organisation(session: Session) -> Organisation:
    for code in ("PL-18", "PL-06", "UA-46"):
        a_region(session, code=code, country=code[:2])
    return an_organisation(session)


def a_draft(**changes: Any) -> PlaceDraft:
    values: dict[str, Any] = {
        "kind": PlaceKind.STOP,
        "name": "Przemyśl",
        "shape": circle(22.7764, 49.7837, 1500),
    }
    return PlaceDraft(**values | changes)


def cells_of(session: Session, place_id: int) -> set[int]:
    return set(session.scalars(select(PlaceCell.cell).where(PlaceCell.place_id == place_id)))


def legs_of(session: Session, route: Route) -> dict[int, set[int]]:
    legs: dict[int, set[int]] = {}
    for leg, cell in session.execute(
        select(PlaceCell.leg, PlaceCell.cell).where(PlaceCell.place_id == route.corridor_id)
    ):
        legs.setdefault(leg, set()).add(cell)
    return legs


def actions(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def two_stops(session: Session, organisation: Organisation) -> tuple[Place, Place]:
    lviv = save_hotspot(
        session, organisation.id, a_draft(name="Lviv", shape=circle(23.9942, 49.8398, 1500)), by=None
    )
    return lviv, save_hotspot(session, organisation.id, a_draft(), by=None)


def test_hotspot_is_covered_and_placed(session: Session, organisation: Organisation) -> None:
    place = save_hotspot(session, organisation.id, a_draft(kind=PlaceKind.HOTSPOT), by=None)
    assert cells_of(session, place.id) == cover_circle(22.7764, 49.7837, 1500)
    assert place.region_id == session.scalar(select(Region.id).where(Region.code == "PL-18"))
    assert actions(session) == ["place.create"]


def test_polygon_hotspot_is_covered(session: Session, organisation: Organisation) -> None:
    ring = [[22.7, 49.7], [22.9, 49.7], [22.9, 49.9], [22.7, 49.7]]
    shape = outline({"type": "Polygon", "coordinates": [ring]})
    place = save_hotspot(session, organisation.id, a_draft(shape=shape), by=None)
    assert cells_of(session, place.id) == shape.cover()
    assert place.radius_m is None


def test_border_crossing_keeps_stated_region(session: Session, organisation: Organisation) -> None:
    crossing = a_draft(
        category="border_crossing", region_code="PL-06", country="PL", shape=circle(23.5887, 50.2744, 3000)
    )
    place = save_hotspot(session, organisation.id, crossing, by=None)
    assert place.region_id == session.scalar(select(Region.id).where(Region.code == "PL-06"))


def test_border_crossing_must_state_region(session: Session, organisation: Organisation) -> None:
    with pytest.raises(InputError, match="must state its region"):
        save_hotspot(session, organisation.id, a_draft(category="border_crossing"), by=None)


def test_unknown_region_is_refused(session: Session, organisation: Organisation) -> None:
    with pytest.raises(InputError, match="PL-99 is not a region"):
        save_hotspot(session, organisation.id, a_draft(region_code="PL-99"), by=None)


def test_missing_regions_are_told(session: Session) -> None:
    organisation = an_organisation(session)
    with pytest.raises(UnavailableError, match="fingerpost setup"):
        save_hotspot(session, organisation.id, a_draft(), by=None)


def test_moved_place_takes_cells_and_region_along(session: Session, organisation: Organisation) -> None:
    place = save_hotspot(session, organisation.id, a_draft(region_code="PL-18"), by=None)
    moved = a_draft(region_code="PL-18", shape=circle(23.9942, 49.8398, 2000))
    update_place(session, place, moved, by=None)
    assert cells_of(session, place.id) == cover_circle(23.9942, 49.8398, 2000)
    assert session.get_one(Region, place.region_id).code == "UA-46"
    assert place.extra == {}


def test_renamed_place_keeps_its_sheet_columns(session: Session, organisation: Organisation) -> None:
    place = save_hotspot(session, organisation.id, a_draft(region_code="PL-18"), by=None)
    place.extra = {"lat": "49.78370", "iso3166_2": "PL-18", "donor": "x"}
    update_place(session, place, a_draft(region_code="PL-18", name="Przemyśl Główny"), by=None)
    assert place.extra == {"lat": "49.78370", "iso3166_2": "PL-18", "donor": "x"}
    assert actions(session) == ["place.create", "place.update"]


def test_route_covers_leg_by_leg(session: Session, organisation: Organisation) -> None:
    lviv, przemysl = two_stops(session, organisation)
    draft = RouteDraft(name="There and back", mode="rail", stop_ids=(lviv.id, przemysl.id, lviv.id))
    route = save_route(session, organisation.id, draft, by=None)
    line = [(23.9942, 49.8398), (22.7764, 49.7837), (23.9942, 49.8398)]
    assert legs_of(session, route) == dict(enumerate(cover_corridor(line, 20_000)))
    assert [stop.position for stop in route.stops] == [0, 1, 2]
    assert actions(session)[-1] == "route.create"


def test_air_route_has_stops_but_no_corridor_cells(session: Session, organisation: Organisation) -> None:
    stops = two_stops(session, organisation)
    draft = RouteDraft(name="By air", mode="air", stop_ids=tuple(stop.id for stop in stops))
    assert legs_of(session, save_route(session, organisation.id, draft, by=None)) == {}


@pytest.mark.both_databases
def test_stops_can_change_their_order(session: Session, organisation: Organisation) -> None:
    lviv, przemysl = two_stops(session, organisation)
    draft = RouteDraft(name="Out", mode="rail", stop_ids=(lviv.id, przemysl.id))
    route = save_route(session, organisation.id, draft, by=None)
    back = replace(draft, name="Back", stop_ids=(przemysl.id, lviv.id), half_width_m=5_000)
    save_route(session, organisation.id, back, by=None, route=route)
    session.expire_all()
    assert [stop.place_id for stop in route.stops] == [przemysl.id, lviv.id]
    assert route.corridor.name == "Back"
    line = [(22.7764, 49.7837), (23.9942, 49.8398)]
    assert legs_of(session, route) == {0: cover_corridor(line, 5_000)[0]}


@pytest.mark.parametrize(
    ("choose", "sentence"),
    [
        (lambda lviv, przemysl: (lviv,), "at least two waypoints"),
        (lambda lviv, przemysl: (lviv, przemysl, przemysl), "Przemyśl follows itself"),
        (lambda lviv, przemysl: (lviv, 999_999), "does not exist any more"),
    ],
)
def test_route_without_order_is_refused(
    session: Session, organisation: Organisation, choose: Any, sentence: str
) -> None:
    lviv, przemysl = two_stops(session, organisation)
    draft = RouteDraft(name="No", mode="rail", stop_ids=choose(lviv.id, przemysl.id))
    with pytest.raises(RouteError, match=sentence):
        save_route(session, organisation.id, draft, by=None)


def test_foreign_stop_is_unknown(session: Session, organisation: Organisation) -> None:
    lviv, przemysl = two_stops(session, organisation)
    other = an_organisation(session)
    draft = RouteDraft(name="Theirs", mode="rail", stop_ids=(lviv.id, przemysl.id))
    with pytest.raises(RouteError, match="does not exist any more"):
        save_route(session, other.id, draft, by=None)


def test_corridor_follows_moved_stop(session: Session, organisation: Organisation) -> None:
    lviv, przemysl = two_stops(session, organisation)
    draft = RouteDraft(name="Out", mode="rail", stop_ids=(lviv.id, przemysl.id))
    route = save_route(session, organisation.id, draft, by=None)
    update_place(session, przemysl, a_draft(shape=circle(22.0068, 50.0431, 1500)), by=None)
    line = [(23.9942, 49.8398), (22.0068, 50.0431)]
    assert legs_of(session, route) == {0: cover_corridor(line, 20_000)[0]}
    assert route.corridor.geometry["coordinates"] == [list(point) for point in line]


@pytest.mark.both_databases
def test_stop_of_route_cannot_be_deleted(session: Session, organisation: Organisation) -> None:
    lviv, przemysl = two_stops(session, organisation)
    draft = RouteDraft(name="Out", mode="rail", stop_ids=(lviv.id, przemysl.id))
    route = save_route(session, organisation.id, draft, by=None)
    with pytest.raises(RefusedError, match="Lviv is a waypoint of a route"):
        delete_place(session, lviv, by=None)
    delete_route(session, route, by=None)
    delete_place(session, lviv, by=None)
    assert session.scalars(select(PlaceCell.place_id).distinct()).all() == [przemysl.id]
    assert actions(session)[-2:] == ["route.delete", "place.delete"]


def test_corridor_is_not_edited_as_place(session: Session, organisation: Organisation) -> None:
    stops = two_stops(session, organisation)
    draft = RouteDraft(name="Out", mode="rail", stop_ids=tuple(stop.id for stop in stops))
    route = save_route(session, organisation.id, draft, by=None)
    with pytest.raises(GeometryError, match="from the waypoints of the route"):
        update_place(session, route.corridor, a_draft(), by=None)
    with pytest.raises(GeometryError, match="from the waypoints of the route"):
        delete_place(session, route.corridor, by=None)


@pytest.mark.both_databases
def test_regions_load_once_and_heal(session: Session) -> None:
    a_region(session, code="PL-18", name="Wrong", country="PL")
    assert load_regions(session) == 3923
    assert load_regions(session) == 3923
    assert session.scalar(select(func.count()).select_from(Region)) == 3923
    assert session.scalar(select(Region.name).where(Region.code == "PL-18")) == "Podkarpackie Voivodeship"
    coast = find_region(session, "KE-28")
    assert coast is not None
    assert coast.code == "KE-X03"
    assert find_region(session, "PL-99") is None


def cells(sheet: str) -> list[list[str]]:
    """Return what is in a CSV file, however its cells are quoted."""
    return list(csv.reader(sheet.splitlines()))


def test_real_content_survives_the_round_trip(session: Session) -> None:
    organisation = an_organisation(session)
    load_regions(session)
    done = import_places(session, organisation.id, read_locations(LOCATIONS), by=None, source="2022 scenario")
    assert (done.added, done.changed, done.unchanged) == (142, 0, 0)
    done = import_routes(session, organisation.id, read_routes(ROUTES), by=None)
    assert (done.added, done.changed, done.unchanged) == (21, 0, 0)
    session.expire_all()

    places = session.scalars(select_places(organisation.id).order_by(None).order_by(Place.id)).all()
    routes = session.scalars(select_routes(organisation.id).order_by(None).order_by(Route.id)).all()
    assert cells(write_locations(places)) == cells(LOCATIONS)
    assert cells(write_routes(routes)) == cells(ROUTES)
    hrebenne = next(place for place in places if place.key == "bcp-hrebenne")
    assert hrebenne.region is not None
    assert hrebenne.region.code == "PL-06"
    assert all(place.region_id for place in places)

    again = import_places(session, organisation.id, read_locations(LOCATIONS), by=None)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 142)
    again = import_routes(session, organisation.id, read_routes(ROUTES), by=None)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 21)
    assert actions(session) == ["places.import", "routes.import", "places.import", "routes.import"]


@pytest.mark.parametrize("radius_m", [50, 1_234, 20_000, 100_000])
def test_radius_that_was_drawn_survives_the_round_trip(
    session: Session, organisation: Organisation, radius_m: int
) -> None:
    place = save_hotspot(session, organisation.id, a_draft(shape=circle(22.7764, 49.7837, radius_m)), by=None)
    for extra in ({}, {"coord_src": "K±5km"}):
        place.extra = extra
        import_places(session, organisation.id, read_locations(write_locations([place])), by=None)
        assert place.radius_m == radius_m


def test_imported_stop_that_moved_takes_route_along(session: Session, organisation: Organisation) -> None:
    sheet = "id,name,lat,lon\na,Lviv,49.8398,23.9942\nb,Przemyśl,49.7837,22.7764\n"
    import_places(session, organisation.id, read_locations(sheet), by=None)
    rows = read_routes("id,name,mode,waypoints\nr,Out,rail,a > b\n")
    import_routes(session, organisation.id, rows, by=None)
    sheet = sheet.replace("49.7837,22.7764", "50.0431,22.0068")
    done = import_places(session, organisation.id, read_locations(sheet), by=None)
    assert (done.added, done.changed, done.unchanged) == (0, 1, 1)
    [route] = session.scalars(select_routes(organisation.id))
    assert legs_of(session, route) == {0: cover_corridor([(23.9942, 49.8398), (22.0068, 50.0431)], 20_000)[0]}


def test_route_with_unknown_stops_names_its_line(session: Session, organisation: Organisation) -> None:
    import_places(session, organisation.id, read_locations("id,name,lat,lon\na,Lviv,49.84,23.99\n"), by=None)
    sheet = "id,name,mode,waypoints\nr,Out,rail,a > b\ns,Stay,rail,a > a\n"
    with pytest.raises(RowsError) as told:
        import_routes(session, organisation.id, read_routes(sheet), by=None)
    assert [(problem.line, problem.column) for problem in told.value.problems] == [
        (2, "waypoints"),
        (3, "waypoints"),
    ]
    assert "no place with the id b" in str(told.value)


def collection(*features: tuple[str, dict[str, Any]], key: str | None = None) -> bytes:
    """Return a file as My Maps and ogr2ogr write it: no ids, unless one is given."""
    found = [
        {"type": "Feature", "geometry": geometry, "properties": {"Name": name}} | ({"id": key} if key else {})
        for name, geometry in features
    ]
    return json.dumps({"type": "FeatureCollection", "features": found}).encode()


POINT = {"type": "Point", "coordinates": [22.9057, 49.8042]}
SQUARE_RING = [[22.9, 49.8], [22.91, 49.8], [22.91, 49.81], [22.9, 49.81], [22.9, 49.8]]
SQUARE = {"type": "Polygon", "coordinates": [SQUARE_RING]}


@pytest.mark.both_databases
def test_places_without_an_id_do_not_double(session: Session, organisation: Organisation) -> None:
    file = collection(("Medyka", POINT), ("Medyka", SQUARE), ("Korczowa", POINT))
    first = import_file(session, organisation.id, file, by=None)
    assert (first.added, first.changed, first.unchanged) == (3, 0, 0)
    place = session.scalars(select(Place).where(Place.name == "Korczowa")).one()
    place.note = "Ask for Olha"
    session.flush()
    again = import_file(session, organisation.id, file, by=None)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 3)
    assert session.scalar(select(func.count()).select_from(Place)) == 3
    assert place.note == "Ask for Olha"
    entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert entry.detail == {"added": 0, "changed": 0, "unchanged": 3, "waiting": 0}


def test_another_name_shape_or_organisation_is_another_place(session: Session, organisation: Organisation) -> None:
    import_file(session, organisation.id, collection(("Medyka", POINT)), by=None)
    moved = {"type": "Point", "coordinates": [22.9058, 49.8042]}
    others = import_file(session, organisation.id, collection(("Medyka", moved), ("Medica", POINT)), by=None)
    elsewhere = import_file(session, an_organisation(session).id, collection(("Medyka", POINT)), by=None)
    assert (others.added, elsewhere.added) == (2, 1)


def test_id_says_more_than_name_and_shape(session: Session, organisation: Organisation) -> None:
    import_file(session, organisation.id, collection(("Medyka", POINT)), by=None)
    named = import_file(session, organisation.id, collection(("Medyka", POINT), key="medyka"), by=None)
    assert named.added == 1


def test_file_without_ids_that_repeats_a_place_adds_it_once(session: Session, organisation: Organisation) -> None:
    done = import_file(session, organisation.id, collection(("Medyka", POINT), ("Medyka", POINT)), by=None)
    assert (done.added, done.unchanged) == (1, 1)


def test_routes_are_told_apart_below_a_separator_line(session: Session, organisation: Organisation) -> None:
    places = "sep=;\nid;name;lat;lon\na;A;49.84;23.99\nb;B;49.78;22.78\n"
    routes = "sep=;\nid;name;mode;waypoints\nr;A to B;rail;a > b\n"
    assert import_file(session, organisation.id, places.encode(), by=None).added == 2
    assert import_file(session, organisation.id, routes.encode(), by=None).added == 1


@pytest.mark.both_databases
def test_corridors_are_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of their cells is a row that is written while others wait."""
    organisation = an_organisation(session)
    west, east = (a_place(session, organisation, key=f"p{at}", geometry=_point(at)) for at in (20.0, 24.0))
    narrow = RouteDraft(name="Out", mode="rail", stop_ids=(west.id, east.id), half_width_m=1_000)
    monkeypatch.setattr(route_rows, "MAX_CELLS", 1_000)
    save_route(session, organisation.id, narrow, by=None)
    with pytest.raises(RouteError, match="too long for its width"):
        save_route(session, organisation.id, replace(narrow, half_width_m=100_000), by=None)
    rows = read_routes("id,name,mode,waypoints\n" + "".join(f"r{at},R,rail,p20.0 > p24.0\n" for at in range(9)))
    with pytest.raises(TooManyRowsError, match="more than 1,000 cells"):
        import_routes(session, organisation.id, rows, by=None, half_width_m=1_000)


def _point(longitude: float) -> dict[str, object]:
    return {"type": "Point", "coordinates": [longitude, 50.0]}
