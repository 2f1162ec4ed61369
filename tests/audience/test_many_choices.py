"""An audience's page lists some of many places and routes, finds others by name, and keeps what is chosen."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from campaigns.audience.models import Audience
from campaigns.places.models import Place, Route
from campaigns.staff.models import Role
from campaigns.web.forms import MOST_LISTED
from tests.factories import a_place, a_route, an_audience
from tests.web.counting import counting
from tests.web.pages import Pages

MANY = MOST_LISTED + 10
#: Stops are read of routes that are shown.
OF_STOPS = re.compile(r"FROM waypoint", re.IGNORECASE)


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """SQLite only: what is read of places and routes is tested beside their queries."""
    return sqlite_engine


@pytest.fixture
def routes(pages: Pages) -> list[Route]:
    with pages.sessions.begin() as session:
        return [a_route(session, pages.ours, name=f"Road {number}") for number in range(MANY)]


@pytest.fixture
def author(pages: Pages) -> FlaskClient:
    return pages.client(pages.member(Role.AUTHOR))


def listed(page: str) -> list[int]:
    return [int(key) for key in re.findall(r'name="place_ids" type="checkbox" value="(\d+)"', page)]


def asked_of(page: str) -> list[int]:
    return [int(key) for key in re.findall(r'<select name="route-(\d+)"', page)]


def test_newest_places_are_listed_and_those_that_are_chosen(
    pages: Pages, many_places: list[Place], author: FlaskClient
) -> None:
    with pages.sessions.begin() as session:
        audience = an_audience(session, pages.ours, rule={"place_ids": [many_places[0].id]})
    page = author.get(f"/audience/{audience.id}").text
    assert set(listed(page)) == {many_places[0].id, *(place.id for place in many_places[-MOST_LISTED:])}
    assert re.search(rf'<input checked [^>]*value="{many_places[0].id}"', page)
    assert 'name="place_ids_words"' in page


def test_found_place_is_listed_and_nothing_is_saved(
    pages: Pages, many_places: list[Place], author: FlaskClient
) -> None:
    given = {"name": "Border", "place_ids": many_places[0].id, "place_ids_words": "crossing 3", "languages": "uk"}
    answer = author.post("/audience/new", data=given | {"find_words": "place_ids"})
    assert answer.status_code == 200
    found = {place.id for place in many_places if "3" in place.name}
    assert set(listed(answer.text)) == {many_places[0].id} | found
    assert 'value="Border"' in answer.text
    assert "is-bad" not in answer.text
    with pages.sessions() as session:
        assert session.scalars(select(Audience)).first() is None


def test_place_that_is_not_listed_is_saved_and_one_of_others_refused(
    pages: Pages, many_places: list[Place], author: FlaskClient
) -> None:
    given = {"name": "Border", "save": "1"}
    assert author.post("/audience/new", data=given | {"place_ids": many_places[1].id}).status_code == 302
    with pages.sessions.begin() as session:
        theirs = a_place(session, pages.theirs)
    assert author.post("/audience/new", data=given | {"place_ids": theirs.id}).status_code == 422
    with pages.sessions() as session:
        assert session.scalars(select(Audience)).one().rule["place_ids"] == [many_places[1].id]


def test_stretches_are_asked_of_the_newest_routes_and_of_those_that_are_chosen(
    pages: Pages, routes: list[Route], author: FlaskClient
) -> None:
    parts = [{"route_id": routes[2].id, "direction": "all", "stop_position": None}]
    with pages.sessions.begin() as session:
        audience = an_audience(session, pages.ours, rule={"route_parts": parts})
    with counting(pages, OF_STOPS) as found:
        page = author.get(f"/audience/{audience.id}").text
    assert asked_of(page) == [routes[2].id, *sorted(route.id for route in routes[-MOST_LISTED:])]
    assert len(found) <= 2


def test_route_is_found_while_another_lacks_its_waypoint(
    pages: Pages, routes: list[Route], author: FlaskClient
) -> None:
    given = {"name": "Border", f"route-{routes[0].id}": "past", "routes_words": "road 5"}
    answer = author.post("/audience/new", data=given | {"find_words": "routes"})
    assert answer.status_code == 200
    assert set(asked_of(answer.text)) == {routes[0].id, *(route.id for route in routes if "5" in route.name)}
    assert "Choose the waypoint" not in answer.text


def test_stretch_of_a_route_that_is_not_listed_is_saved(
    pages: Pages, routes: list[Route], author: FlaskClient
) -> None:
    given = {"name": "Border", f"route-{routes[1].id}": "all", "save": "1", "route-x": "all", "route-9999": "all"}
    assert author.post("/audience/new", data=given).status_code == 302
    with pages.sessions() as session:
        saved = session.scalars(select(Audience)).one().rule["route_parts"]
    assert [part["route_id"] for part in saved] == [routes[1].id]
