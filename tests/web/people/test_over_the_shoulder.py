"""Somebody looks over the shoulder of whoever reads a report, or takes their phone a moment later.

The browser is a whole one with a profile on disk, so that its history and what it restores are real ones.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright

from campaigns.web.people import layout
from campaigns.web.people.public_words import public_languages
from tests.browser.chromium import BROWSERS, skip_without_browser
from tests.places.browsing import served
from tests.web.pages import Pages, pages_on_file
from tests.web.people.page_kinds import WRITTEN
from tests.web.people.reader import a_code
from tests.web.people.scenery import furnish
from tests.web.people.slow_line import Line, slow_line
from tests.web.people.test_page_kinds import telling_words

pytestmark = pytest.mark.browser

#: What stands for a page of somebody else.
NEUTRAL = "/health"
#: Width and height of old phones.
SMALL, USUAL = (320, 568), (360, 640)
#: Seconds from a tap to an answer. The screen is empty sooner, though leaving itself takes several of them.
ROUND_TRIP = 0.4
FINGER = 44
#: One look in the ordinary suite, one more with --whole, the others with --runslow.
OFTEN: dict[tuple[object, ...], pytest.MarkDecorator | tuple[()]] = {
    ("ar", SMALL, False): (),
    ("uk", USUAL, True): pytest.mark.long,
}
LOOKS = [
    pytest.param(*look, marks=OFTEN.get(look, pytest.mark.slow))
    for look in itertools.product(public_languages(), (SMALL, USUAL), (True, False))
]


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages are, and over what line."""

    pages: Pages
    address: str
    line: Line


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Pages with something on each of them, at the end of a line."""
    with pages_on_file(tmp_path_factory.mktemp("people")) as pages:
        furnish(pages)
        skip_without_browser()
        line = Line()
        with (
            served(pages.app) as server,
            slow_line(server, line) as address,
            pytest.MonkeyPatch.context() as patch,
        ):
            # Another host, as far as the browser knows.
            neutral = address.replace("127.0.0.1", "localhost") + NEUTRAL
            patch.setattr(layout, "exit_of", lambda country: neutral)
            yield Site(pages, address, line)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def a_phone(
    playwright: Playwright, profile: Path, size: tuple[int, int], *, script: bool, reopens: bool = False
) -> Iterator[BrowserContext]:
    """Start a browser that keeps what it knows in a folder, and pages that were left as people's do."""
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    arguments = ["--headless=new", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=installed,
        # Playwright's own way without a window has neither a history nor tabs that come back.
        headless=False,
        args=[*arguments, *(["--restore-last-session"] if reopens else [])],
        ignore_default_args=["--disable-back-forward-cache"],
        java_script_enabled=script,
        has_touch=True,
        viewport={"width": size[0], "height": size[1]},
    )
    yield context
    context.close()


@pytest.mark.parametrize(("language", "size", "script"), LOOKS)
def test_one_tap_leaves_and_nothing_comes_back(
    site: Site,
    playwright: Playwright,
    tmp_path: Path,
    language: str,
    size: tuple[int, int],
    script: bool,
) -> None:
    with a_phone(playwright, tmp_path, size, script=script) as phone:
        page = phone.pages[0]
        open_thread(page, f"{site.address}/{language}/n", a_code(site.pages))
        check_way_out(page, size)
        assert leave_by_tap(page, site.line) < ROUND_TRIP
        assert phone.storage_state() == {"cookies": [], "origins": []}
        for go in (page.go_back, page.reload, page.go_forward, page.go_back):
            assert_gone(page, go)


@pytest.mark.parametrize(
    "language",
    [pytest.param(code, marks=OFTEN.get((code, USUAL, True), pytest.mark.slow)) for code in public_languages()],
)
def test_browser_that_is_opened_again_knows_of_no_report(
    site: Site, playwright: Playwright, tmp_path: Path, language: str
) -> None:
    code = a_code(site.pages)
    with a_phone(playwright, tmp_path, USUAL, script=True) as phone:
        phone.pages[0].goto(f"{site.address}/{language}/pl-18")
        open_thread(phone.pages[0], f"{site.address}/{language}/n", code)
        leave_by_keys(phone.pages[0])
        # One more tab is left as it is.
        open_thread(phone.new_page(), f"{site.address}/{language}/n", code)
    with a_phone(playwright, tmp_path, USUAL, script=True, reopens=True) as phone:
        phone.pages[0].wait_for_timeout(500)
        assert len(phone.pages) >= 2
        assert [WRITTEN in shown_by(page) for page in phone.pages] == [False] * len(phone.pages)
    assert_history_tells_nothing(tmp_path, code)


def open_thread(page: Page, address: str, code: str) -> None:
    """Read a report by its code."""
    page.goto(address)
    page.fill("#code", code)
    page.keyboard.press("Enter")
    page.wait_for_selector(".said")
    assert WRITTEN in page.content()


def check_way_out(page: Page, size: tuple[int, int]) -> None:
    """Scroll from top to bottom: the way out is always there, above all else; and the first that keys come to."""
    bottom = -1
    while (top := page.evaluate("Math.round(scrollY)")) != bottom:
        bottom = top
        box = page.locator(".x").bounding_box()
        assert box is not None
        assert (box["y"], box["height"] >= FINGER) == (0, True)
        middle = [box["x"] + box["width"] / 2, box["height"] / 2]
        assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).className", middle) == "x"
        page.evaluate("by => scrollBy(0, by)", size[1] // 3)
    assert bottom > 0
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "x"
    # Fingers know of no focus.
    page.locator("h1").tap()


def leave_by_tap(page: Page, line: Line) -> float:
    """Tap the way out on a slow line; return after how many seconds nothing of the page was on the screen.

    A browser answers nothing while a page is being left, but goes on to draw: an empty page is a small picture.
    """
    screen, box = Screen(page), page.locator(".x").bounding_box()
    assert box is not None
    line.round_trip = ROUND_TRIP
    began = time.time()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(1000 * ROUND_TRIP)
    line.round_trip = 0
    page.wait_for_url(f"**{NEUTRAL}")
    return screen.first_empty() - began


def leave_by_keys(page: Page) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{NEUTRAL}")


class Screen:
    """What the browser draws, picture by picture."""

    #: Bytes of a picture of nothing, at most, and of a page, at least.
    EMPTY, FULL = 12_000, 25_000

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._pictures: list[tuple[float, int]] = []
        self._session.on("Page.screencastFrame", self._see)
        self._session.send("Page.startScreencast", {"format": "png"})
        page.wait_for_timeout(200)

    def first_empty(self) -> float:
        """Return when the screen was empty first, after it had shown a page."""
        assert self._pictures[0][1] > self.FULL
        return next(moment for moment, size in self._pictures if size < self.EMPTY)

    def _see(self, picture: dict[str, Any]) -> None:
        self._pictures.append((picture["metadata"]["timestamp"], len(picture["data"])))
        self._session.send("Page.screencastFrameAck", {"sessionId": picture["sessionId"]})


def assert_gone(page: Page, go: Callable[..., object]) -> None:
    """Go somewhere by a button of the browser, and see nothing of the report there."""
    # The browser says that it would have to send a form again, or shows a page as it was without loading it.
    with suppress(Error):
        go(timeout=1_000)
    assert WRITTEN not in shown_by(page)


def shown_by(page: Page) -> str:
    """Return what a page has in it, once it stays."""
    for _ in range(20):
        with suppress(Error):
            return page.content()
        page.wait_for_timeout(100)
    raise AssertionError("The page does not come to rest.")


def assert_history_tells_nothing(profile: Path, code: str) -> None:
    """Read the browser's own history."""
    with closing(sqlite3.connect(profile / "Default" / "History")) as history:
        rows = history.execute("SELECT url, title FROM urls").fetchall()
    assert len(rows) >= 2
    kept = str(rows).casefold()
    assert code not in kept
    assert [word for words in telling_words().values() for word in words if word in kept] == []


def test_report_half_written_is_gone_when_somebody_goes_back(
    site: Site, playwright: Playwright, tmp_path: Path
) -> None:
    with a_phone(playwright, tmp_path, USUAL, script=False) as phone:
        page = phone.pages[0]
        page.goto(f"{site.address}/uk/pl/w")
        page.fill("#text", WRITTEN)
        page.locator(".x").focus()
        page.keyboard.press("Enter")
        page.wait_for_url(f"**{NEUTRAL}")
        assert_gone(page, page.go_back)
        assert page.input_value("#text") == ""
