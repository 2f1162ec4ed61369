"""Pages for everybody in a real browser, on narrow phones and for screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import a_browser, a_guest, skip_without_browser
from tests.places.browsing import served
from tests.web.pages import pages_on_file
from tests.web.people.page_kinds import KINDS
from tests.web.people.reader import Reader
from tests.web.people.scenery import furnish

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
#: What may be tapped is so high at least.
FINGER = 44


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str, Reader]]:
    """A browser, where the pages are, and somebody who fills in forms."""
    with pages_on_file(tmp_path_factory.mktemp("people")) as pages:
        furnish(pages)
        skip_without_browser()
        with served(pages.app) as address, a_browser() as browser:
            yield browser, address, Reader(pages)


@pytest.mark.parametrize(
    ("language", "width"), [pytest.param("ar", 240, id="ar-240", marks=pytest.mark.long), *LOOKS]
)
def test_every_page_fits_and_can_be_read_aloud(
    site: tuple[Browser, str, Reader], language: str, width: int
) -> None:
    browser, address, reader = site
    with a_guest(browser, address, width=width, language=language) as visit, ThreadPoolExecutor(1) as elsewhere:
        for name, kind in KINDS.items():
            visit.go(kind.at(language))
            if kind.filled is not None or kind.needs_token:
                # Playwright keeps an event loop in this thread, which the application must not meet.
                visit.page.set_content(elsewhere.submit(reader.look, kind, language).result().text)
            wanted = "rtl" if language in RIGHT_TO_LEFT and "{}" in kind.address else "ltr"
            assert (name, visit.page.locator("html").get_attribute("dir")) == (name, wanted)
            assert visit.is_narrow(), f"{name} scrolls sideways at {width} px"
            assert (name, visit.violations()) == (name, [])
            assert (name, visit.foreign) == (name, [])
            assert (name, small_targets(visit.page)) == (name, [])
            assert (name, broken_numbers(visit.page)) == (name, [])


def broken_numbers(page: Page) -> list[str]:
    """Return the numbers to tap that stand on two lines."""
    page.locator("details").evaluate_all("all => all.forEach(each => (each.open = true))")
    found = page.locator(".tel").all()
    boxes = ((each, each.bounding_box()) for each in found)
    return [str(each.text_content()) for each, box in boxes if box is not None and box["height"] > 1.5 * FINGER]


def small_targets(page: Page) -> list[str]:
    """Return what is too small for a finger."""
    found = page.locator("a, summary, button")
    boxes = ((found.nth(number), found.nth(number).bounding_box()) for number in range(found.count()))
    return [str(each.text_content()) for each, box in boxes if box is not None and box["height"] < FINGER]
