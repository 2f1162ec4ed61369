"""Places in a real browser: drawing, forms and the keyboard; no foreign request, nothing for axe to find."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select

from campaigns.places.files.sheets import read_locations, read_routes
from campaigns.places.models import Place, PlaceKind, Route
from campaigns.places.service import import_places, import_routes, load_regions
from campaigns.staff.models import Member, Role
from tests.browser.chromium import WIDTHS, Visit, a_browser, skip_without_browser
from tests.places.browsing import a_visit, served
from tests.web.pages import Pages, pages_on_file

pytestmark = pytest.mark.browser

DATA = files("campaigns.demo") / "data"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with pages_on_file(tmp_path_factory.mktemp("browser")) as pages:
        with pages.sessions.begin() as session:
            load_regions(session)
            locations = read_locations((DATA / "locations.csv").read_text(encoding="utf-8"))
            import_places(session, pages.ours.id, locations, by=None, source="2022 scenario")
            routes = read_routes((DATA / "routes.csv").read_text(encoding="utf-8"))
            import_routes(session, pages.ours.id, routes, by=None)
        yield pages


@pytest.fixture(scope="module")
def author(pages: Pages) -> Member:
    return pages.member(Role.AUTHOR)


@pytest.fixture(scope="module")
def address(pages: Pages) -> Iterator[str]:
    skip_without_browser()
    with served(pages.app) as address:
        yield address


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    with a_browser() as browser:
        yield browser


@pytest.fixture(params=WIDTHS)
def visit(
    request: pytest.FixtureRequest, browser: Browser, address: str, pages: Pages, author: Member
) -> Iterator[Visit]:
    with a_visit(browser, address, pages, author, width=request.param) as visit:
        yield visit
        assert visit.foreign == []
        assert visit.complaints == []


def hotspot_named(pages: Pages, name: str) -> Place:
    with pages.sessions() as session:
        return session.scalars(select(Place).where(Place.kind == PlaceKind.HOTSPOT, Place.name == name)).one()


def test_circle_is_drawn_and_saved(visit: Visit, pages: Pages) -> None:
    name = f"Drawn at {visit.width}"
    visit.go("/places/new?latitude=49.78&longitude=22.77")
    visit.wait_for_map()
    # Whoever draws sees where they are.
    expect(visit.page.locator(".map-town").filter(has_text="Przemyśl")).not_to_have_count(0)
    visit.page.get_by_role("button", name="Draw a circle").click()
    x, y = visit.middle_of(".map")
    visit.page.mouse.click(x + 40, y)
    visit.page.wait_for_timeout(100)
    visit.page.mouse.click(x + 90, y)
    longitude = float(visit.page.get_by_label("Longitude").input_value())
    radius = float(visit.page.get_by_label("Radius in km").input_value())
    assert visit.violations() == []
    visit.page.get_by_label("Name", exact=True).fill(name)
    visit.page.get_by_role("button", name="Save the place").click()
    visit.wait_for_map()
    expect(visit.page.get_by_text(f"{name} is on the map.")).to_be_in_viewport()
    saved = hotspot_named(pages, name)
    assert saved.geometry["coordinates"][0] == longitude > 22.77
    assert saved.radius_m == round(radius * 1000)


def test_what_was_saved_is_read_first_without_script(
    browser: Browser, address: str, pages: Pages, author: Member
) -> None:
    name = "Written by hand"
    with a_visit(browser, address, pages, author, width=360, script=False) as visit:
        visit.go("/places/new?latitude=49.78&longitude=22.77")
        visit.page.get_by_label("Name", exact=True).fill(name)
        visit.page.get_by_role("button", name="Save the place").click()
        said = visit.page.get_by_text(f"{name} is on the map.")
        expect(said).to_be_in_viewport()
        expect(visit.page.locator(".notice", has=said)).to_be_focused()
        said.get_by_role("link", name="Show it in the list").click()
        item = visit.page.locator(".map-item:target")
        expect(item).to_be_in_viewport()
        assert name in item.inner_text()
        item.get_by_role("link", name=name).click()
        expect(visit.page.get_by_role("heading", name="People here")).to_be_in_viewport()
        visit.page.get_by_label("Local name").fill("Медика")
        visit.page.get_by_role("button", name="Save the place").click()
        assert hotspot_named(pages, name).local_name == "Медика"


@pytest.mark.long
def test_outline_is_drawn_and_saved(visit: Visit, pages: Pages) -> None:
    name = f"Outlined at {visit.width}"
    visit.go("/places/new?latitude=49.78&longitude=22.77")
    visit.wait_for_map()
    visit.page.get_by_role("button", name="Draw an outline").click()
    x, y = visit.middle_of(".map")
    for east, south in ((0, 0), (60, 0), (60, 60), (0, 0)):
        visit.page.mouse.click(x + east, y + south)
        visit.page.wait_for_timeout(100)
    assert visit.page.get_by_label("Outline: any area").is_checked()
    visit.page.get_by_label("Name", exact=True).fill(name)
    visit.page.get_by_role("button", name="Save the place").click()
    visit.page.get_by_text(f"{name} is on the map.").wait_for()
    assert len(hotspot_named(pages, name).geometry["coordinates"][0]) == 4


@pytest.mark.long
def test_search_result_fills_the_form(visit: Visit) -> None:
    visit.go("/places/new")
    visit.wait_for_map()
    visit.page.get_by_label("Find a place, region or town by name").fill("Перемишль")
    visit.page.keyboard.press("Enter")
    visit.page.locator("a.found").first.click()
    assert visit.page.get_by_label("Latitude").input_value().startswith("49.7")
    assert visit.page.url.endswith("/places/new")
    assert visit.violations() == []


def test_list_filters_and_shows_on_the_map(visit: Visit) -> None:
    visit.go("/places")
    visit.wait_for_map()
    assert visit.violations() == []
    visit.page.get_by_label("Find in the list").fill("chelm")
    shown = visit.page.get_by_role("button", name="Show Chełm (town/station) on the map")
    shown.focus()
    visit.page.keyboard.press("Enter")
    visit.page.locator(".leaflet-popup").get_by_text("Chełm").wait_for()
    visit.page.get_by_label("Find in the list").fill("no such place")
    visit.page.get_by_text("Nothing has this name.").wait_for()
    assert visit.is_narrow()


@pytest.mark.parametrize(
    ("language", "country"),
    [
        pytest.param("en", "Poland", marks=pytest.mark.long),
        pytest.param("uk", "Польща", marks=pytest.mark.long),
        ("ar", "بولندا"),
    ],
)
def test_map_names_countries_in_the_readers_language(
    browser: Browser, address: str, pages: Pages, author: Member, language: str, country: str
) -> None:
    with a_visit(browser, address, pages, author, width=1280, language=language) as visit:
        visit.go("/places")
        visit.wait_for_map()
        visit.page.locator(".map-country").get_by_text(country, exact=True).wait_for(state="attached")


@pytest.mark.long
def test_route_is_rearranged_by_keyboard(visit: Visit, pages: Pages) -> None:
    with pages.sessions() as session:
        route = session.scalars(select(Route).where(Route.key == "rt-ua-04")).one()
        before = [stop.place.name for stop in route.stops]
    visit.go(f"/places/routes/{route.id}")
    visit.wait_for_map()
    down = visit.page.get_by_role("button", name=f"Move {before[0]} down")
    down.focus()
    visit.page.keyboard.press("Enter")
    visit.page.locator("#stops li").first.get_by_text(before[1], exact=True).wait_for()
    assert visit.page.evaluate("() => document.activeElement.id") == "stop-down-0"
    assert visit.violations() == []
    visit.page.get_by_role("button", name="Save the route").click()
    visit.page.get_by_text("is saved.").wait_for()
    with pages.sessions() as session:
        after = [stop.place.name for stop in session.get_one(Route, route.id).stops]
    assert after == [before[1], before[0], *before[2:]]


@pytest.mark.long  # A map is drawn whole; that there is no form has a quick test beside it.
def test_approver_sees_the_place_itself_on_its_map(browser: Browser, address: str, pages: Pages) -> None:
    with pages.sessions() as session:
        stops = session.scalars(select(Place.id).where(Place.kind == PlaceKind.STOP)).all()
    with a_visit(browser, address, pages, pages.member(Role.APPROVER), width=360) as visit:
        visit.go(f"/places/{stops[0]}")
        visit.wait_for_map()
        visit.page.locator(".map").scroll_into_view_if_needed()
        expect(visit.page.locator(".map .is-chosen").first).to_be_in_viewport()
        expect(visit.page.locator("#place-form")).to_have_count(0)
