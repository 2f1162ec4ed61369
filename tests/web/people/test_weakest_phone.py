"""The weakest phone: 240 pixels, no script, 40 kbit/s, and three taps from the page behind a QR code to a number.

Chromium and a slow line stand for phone and net. What they cannot tell, only people can, each in their language
on a phone of theirs: whether somebody who does not read finds the number by its place and its digits; whether a
screen reader has a voice for the language, and says what is meant; whether a cracked screen or the sun still lets
it be seen; whether it rings, from that SIM card and at that hour; and whether the words, which a machine
translated, are those that people there would use.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize

from campaigns.core.languages import is_right_to_left
from campaigns.web.people.public_words import public_languages
from campaigns.web.people.visits import START
from tests.browser.chromium import a_browser, skip_without_browser
from tests.places.browsing import served
from tests.web.pages import pages_on_file
from tests.web.people.scenery import furnish
from tests.web.people.slow_line import Line, slow_line

pytestmark = pytest.mark.browser

SCREEN = ViewportSize(width=240, height=320)
BITS_PER_SECOND, ROUND_TRIP = 40_000, 0.4
#: Taps, the one that calls among them, and seconds.
TAPS, SECONDS = 3, 10.0


@pytest.fixture(scope="module")
def far_away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    """A browser, and where the pages are at the end of a slow line."""
    with pages_on_file(tmp_path_factory.mktemp("people")) as pages:
        furnish(pages)
        skip_without_browser()
        line = Line(ROUND_TRIP, BITS_PER_SECOND)
        with served(pages.app) as server, slow_line(server, line) as address, a_browser() as browser:
            yield browser, address


@pytest.mark.parametrize(
    "language",
    [
        pytest.param(code, marks=pytest.mark.long if code == "ar" else pytest.mark.slow)
        for code in public_languages()
    ],
)
def test_three_taps_lead_to_a_number_in_ten_seconds(far_away: tuple[Browser, str], language: str) -> None:
    browser, address = far_away
    with closing(browser.new_context(viewport=SCREEN, java_script_enabled=False, has_touch=True)) as context:
        page, began = context.new_page(), time.monotonic()
        page.goto(f"{address}{START}", wait_until="commit")
        number = page.locator(".card .tel").first
        tapped = [page.locator(f"a[lang={language}]"), page.locator(f"a[href='/{language}/pl']"), number]
        for each in tapped:
            tap(page, each)
        took = time.monotonic() - began
        sys.stdout.write(f"{language}: {TAPS} taps, {took:.1f} s at {BITS_PER_SECOND // 1000} kbit/s\n")
        assert str(number.get_attribute("href")).startswith("tel:+48")
        assert page.locator("html").get_attribute("dir") == ("rtl" if is_right_to_left(language) else "ltr")
        assert number.get_attribute("dir") == "ltr"
        assert page.evaluate("document.documentElement.scrollWidth") <= SCREEN["width"]
        assert (len(tapped), took <= SECONDS) == (TAPS, True), took


def tap(page: Page, where: Locator) -> None:
    """Tap something as soon as it is there."""
    where.wait_for()
    where.scroll_into_view_if_needed()
    box = where.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
