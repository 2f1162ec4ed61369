"""The console without a mouse: from the sign-in to the campaigns by Tab and Enter, the focus always in sight."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from campaigns.staff.models import Role
from campaigns.staff.sign_in.passwords import hash_password
from tests.browser.chromium import Visit, a_browser, a_guest, skip_without_browser
from tests.places.browsing import served
from tests.web.pages import pages_on_file

pytestmark = pytest.mark.browser

EMAIL, PASSWORD = "author@example.org", "seven wooden signposts"
#: More stops of the Tab key than any page of an empty organisation has.
MOST_STOPS = 40

FOCUS = """() => {
  const element = document.activeElement;
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  return {
    name: element.name || element.getAttribute("href") || element.id || element.localName,
    isSeen: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
    isOutlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
  };
}"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    """A browser, and the address of an instance with one author."""
    skip_without_browser()
    with pages_on_file(tmp_path_factory.mktemp("keyboard")) as pages:
        pages.member(Role.AUTHOR, email=EMAIL, password=hash_password(PASSWORD))
        with served(pages.app) as address, a_browser() as browser:
            yield browser, address


@pytest.fixture(params=[pytest.param(1280, marks=pytest.mark.long), 360])
def visit(request: pytest.FixtureRequest, door: tuple[Browser, str]) -> Iterator[Visit]:
    """A tab at the sign-in."""
    with a_guest(*door, width=request.param) as visit:
        visit.go("/")
        yield visit


def test_member_gets_to_campaigns_by_keyboard(visit: Visit) -> None:
    tab_to(visit, "email")
    visit.page.keyboard.type(EMAIL)
    tab_to(visit, "password")
    visit.page.keyboard.type(PASSWORD)
    enter(visit)
    assert visit.path == "/"
    if visit.width < 1000:
        tab_to(visit, "summary")
        visit.page.keyboard.press("Enter")
    tab_to(visit, "/campaigns")
    enter(visit)
    assert visit.path == "/campaigns"


def test_first_stop_skips_to_the_content(visit: Visit) -> None:
    visit.page.keyboard.press("Tab")
    assert focus(visit)["name"] == "#content"
    assert focus(visit)["isSeen"]
    visit.page.keyboard.press("Enter")
    assert focus(visit)["name"] == "content"
    tab_to(visit, "email", within=1)


def tab_to(visit: Visit, name: str, *, within: int = MOST_STOPS) -> None:
    """Press Tab until the element of that name has the focus; each stop on the way must be seen."""
    passed = []
    for _ in range(within):
        visit.page.keyboard.press("Tab")
        stop = focus(visit)
        assert stop["isSeen"], f"{stop['name']} has the focus out of sight"
        assert stop["isOutlined"], f"{stop['name']} does not show its focus"
        if stop["name"] == name:
            return
        passed.append(stop["name"])
    raise AssertionError(f"{name} is not reached by Tab, only {passed}")


def focus(visit: Visit) -> dict[str, str | bool]:
    found: dict[str, str | bool] = visit.page.evaluate(FOCUS)
    return found


def enter(visit: Visit) -> None:
    with visit.page.expect_navigation():
        visit.page.keyboard.press("Enter")
