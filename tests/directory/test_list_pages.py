"""The directory and its emergency numbers are listed by pages, which keep what is chosen and looked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from campaigns.core import clock
from campaigns.directory import views
from campaigns.directory.models import Service
from campaigns.staff.models import Role
from tests.factories import a_service
from tests.web.pages import Pages
from tests.web.test_keyed_pages import link

pytestmark = pytest.mark.one_database

EMERGENCY = "/directory/emergency"


@pytest.fixture
def services(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Add services of two countries, two of them overdue; return their ids by name, in the order of the list."""
    monkeypatch.setattr(views, "PER_PAGE", 2)
    today = clock.now().date()
    long_ago = today - timedelta(days=90)
    made = [("Zet", "PL", long_ago), ("Alo", "PL", today), ("Bem", "PL", today), ("Help Ä", "DE", long_ago)]
    with pages.sessions.begin() as session:
        ours = session.merge(pages.ours)
        ids = {
            name: a_service(session, ours, name=name, country=country, verified_on=on).id
            for name, country, on in made
        }
        a_service(session, session.merge(pages.theirs), name="Theirs", country="PL", verified_on=today)
    return {name: ids[name] for name in ("Help Ä", "Zet", "Alo", "Bem")}


def listed(client: FlaskClient, address: str) -> list[int]:
    found = re.findall(r'<a href="/directory/(\d+)">', client.get(address).text)
    return [int(each) for each in found]


def test_directory_is_paged_in_its_order(
    pages: Pages, services: dict[str, int], client_for: Callable[..., FlaskClient]
) -> None:
    client, ids = client_for(Role.AUTHOR), list(services.values())
    assert listed(client, "/directory") == ids[:2]
    following = link("next", client.get("/directory").text)
    assert listed(client, following) == ids[2:]
    assert listed(client, link("prev", client.get(following).text)) == ids[:2]
    assert client.get(following).text.count("3 services") == 1
    with pages.sessions.begin() as session:
        session.delete(session.get_one(Service, services["Zet"]))
    assert listed(client, following) == [services["Help Ä"], services["Alo"]]


def test_next_page_keeps_what_is_chosen_and_looked_for(
    services: dict[str, int], client_for: Callable[..., FlaskClient]
) -> None:
    client = client_for(Role.AUTHOR)
    following = link("next", client.get("/directory?country=PL").text)
    assert ("country=PL" in following, listed(client, following)) == (True, [services["Bem"]])
    assert listed(client, "/directory?find=help a&trust=due") == [services["Help Ä"]]
    assert listed(client, "/directory?find=theirs") == []


def test_emergency_numbers_are_paged_and_found_by_country(client_for: Callable[..., FlaskClient]) -> None:
    client, address, seen = client_for(Role.AUTHOR), EMERGENCY, list[str]()
    while address:
        page = client.get(address).text
        countries = re.findall(rf'href="{EMERGENCY}/([A-Z]{{2}})"', page)
        assert len(countries) <= 50
        seen += countries
        address = link("next", page) if 'rel="next"' in page else ""
    assert len(seen) == len(set(seen)) > 50
    found = client.get(f"{EMERGENCY}?find=nowhere").text
    assert re.findall(rf'href="{EMERGENCY}/([A-Z]{{2}})"', found) == []
    assert "No country has this name." in found
    found = client.get(f"{EMERGENCY}?find=POLAND").text
    assert re.findall(rf'href="{EMERGENCY}/([A-Z]{{2}})"', found) == ["PL"]
