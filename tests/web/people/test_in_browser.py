"""Pages for everybody in a real browser: narrow phones, screen readers, and leaving in a hurry without script."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from campaigns.web.people import layout
from tests.browser.chromium import a_browser, a_guest, skip_without_browser
from tests.places.browsing import served
from tests.web.pages import pages_on_file
from tests.web.people.scenery import ADDRESSES, furnish

pytestmark = pytest.mark.browser

EIGHT = ("uk", "ar", "en", "am", "fa", "ru", "pl", "ti")
RIGHT_TO_LEFT = ("ar", "fa")
WIDTHS = (240, 360, 1280)
#: One language and width in the ordinary suite of long tests, the others with --runslow.
LOOKS = [
    pytest.param(language, width, id=f"{language}-{width}", marks=pytest.mark.slow)
    for language in EIGHT
    for width in WIDTHS
    if (language, width) != ("ar", 240)
]
#: What stands for a page of somebody else.
NEUTRAL = "/health"
#: What may be tapped is so high at least.
FINGER = 44


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    """A browser, and where the pages are."""
    with pages_on_file(tmp_path_factory.mktemp("people")) as pages:
        furnish(pages)
        skip_without_browser()
        with served(pages.app) as address, a_browser() as browser, pytest.MonkeyPatch.context() as patch:
            # Another host, as far as the browser knows.
            neutral = address.replace("127.0.0.1", "localhost") + NEUTRAL
            patch.setattr(layout, "exit_of", lambda country: neutral)
            yield browser, address


@pytest.mark.parametrize(
    ("language", "width"), [pytest.param("ar", 240, id="ar-240", marks=pytest.mark.long), *LOOKS]
)
def test_every_page_fits_and_can_be_read_aloud(site: tuple[Browser, str], language: str, width: int) -> None:
    browser, address = site
    with a_guest(browser, address, width=width, language=language) as visit:
        for each in ADDRESSES:
            visit.go(each.format(language))
            name = each.format(language)
            wanted = "rtl" if language in RIGHT_TO_LEFT and "{}" in each else "ltr"
            assert (name, visit.page.locator("html").get_attribute("dir")) == (name, wanted)
            assert visit.is_narrow(), f"{name} scrolls sideways at {width} px"
            assert (name, visit.violations()) == (name, [])
            assert (name, visit.foreign) == (name, [])
            assert (name, small_targets(visit.page)) == (name, [])


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(320, 568), (360, 640)])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
@pytest.mark.parametrize("language", EIGHT)
def test_one_tap_leaves_and_nothing_stays(
    site: tuple[Browser, str], language: str, width: int, height: int, script: bool
) -> None:
    browser, address = site
    context = browser.new_context(
        viewport={"width": width, "height": height}, java_script_enabled=script, locale=language
    )
    page = context.new_page()
    page.goto(f"{address}/{language}/pl-18")
    for where in (0, 500, 100_000):
        page.mouse.wheel(0, where)
        assert is_in_sight(page, height)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{NEUTRAL}")
    assert kept_by(context) == []
    context.close()


def small_targets(page: Page) -> list[str]:
    """Return what is too small for a finger."""
    found = page.locator("a, summary, button")
    boxes = ((found.nth(number), found.nth(number).bounding_box()) for number in range(found.count()))
    return [str(each.text_content()) for each, box in boxes if box is not None and box["height"] < FINGER]


def is_in_sight(page: Page, height: int) -> bool:
    """Say whether the way out is on the screen, and as high as a finger."""
    box = page.locator(".x").bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= height and box["height"] >= FINGER


def kept_by(context: BrowserContext) -> list[object]:
    """Return what the browser holds of any host."""
    return list(context.cookies())
