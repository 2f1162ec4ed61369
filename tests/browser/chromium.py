"""A real browser: found or skipped loudly, cut off from every other host, and asked what is wrong with a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
HEIGHT = 800
#: Languages and widths in which pages are looked at: always the one in which most goes wrong, the one that differs
#: most from it with --whole, the others with --runslow. Some of all pages always are (test_every_page.py).
LOOKS = (
    ("ar", 360),
    pytest.param(("en", 1280), marks=pytest.mark.long),
    *(pytest.param(look, marks=pytest.mark.slow) for look in (("en", 360), ("ar", 1280))),
)
#: Widths of pages that are not looked at in several languages.
WIDTHS = (360, pytest.param(1280, marks=pytest.mark.long))
#: A folder named here gets a picture of each page that is passed.
SCREENSHOTS = "SCREENSHOTS"


@contextmanager
def a_browser() -> Iterator[Browser]:
    """An installed Chromium, else the one that Playwright fetched; as root it runs without its own sandbox."""
    installed = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


def skip_without_browser() -> None:
    """Skip loudly where neither Chromium nor Playwright's own browser is installed; where it must be, fail."""
    if not _is_there():
        unseen = "no Chromium on this machine: pages were NOT tried in a browser"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(unseen)


@cache
def _is_there() -> bool:
    """Say whether there is a browser; asked once a process, since Playwright starts another one to say."""
    if any(map(shutil.which, BROWSERS)):
        return True
    with sync_playwright() as playwright:
        return os.path.exists(playwright.chromium.executable_path)


@dataclass
class Visit:
    """One tab; `foreign` and `complaints` must stay empty."""

    page: Page
    address: str
    width: int
    language: str = "en"
    #: Whether pages may run any.
    script: bool = True
    #: "light" or "dark", as the reader's system asks for.
    theme: str = "light"
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        """Type a path of the console into the address bar."""
        self.page.goto(self.address + path)

    @property
    def path(self) -> str:
        """Where the tab is now, without host, query and fragment."""
        return urlsplit(self.page.url).path

    def wait_for_map(self) -> None:
        """Return when the map is drawn."""
        self.page.wait_for_selector(".map[data-ready]")

    def middle_of(self, selector: str) -> tuple[float, float]:
        """Scroll an element into view and return where its middle is on the screen."""
        self.page.locator(selector).scroll_into_view_if_needed()
        box = self.page.locator(selector).bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def is_narrow(self) -> bool:
        """Say whether the page fits its width, so that nobody scrolls sideways."""
        return bool(self.page.evaluate("() => document.documentElement.scrollWidth") <= self.width)

    def violations(self) -> list[str]:
        """What axe finds on the page as it is now; without script it finds nothing."""
        if not self.script:
            return []
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def look(self, name: str) -> None:
        """Check what must hold on every page; `name` is that of its picture."""
        # A click on a link returns when the next page begins: half of it is no page yet.
        self.page.wait_for_load_state()
        self._keep_picture(name)
        direction = self.page.locator("html").get_attribute("dir")
        assert direction == ("rtl" if self.language == "ar" else "ltr"), f"{name} runs {direction}"
        title = self.page.title().removesuffix("· Fingerpost").strip()
        assert title, f"{name} has no title"
        assert self.is_narrow(), f"{name} scrolls sideways at {self.width} px"
        assert (name, self.violations()) == (name, [])
        assert (name, self.complaints) == (name, [])
        assert (name, self.foreign) == (name, [])

    def _keep_picture(self, name: str) -> None:
        folder = os.environ.get(SCREENSHOTS)
        if folder:
            theme = "" if self.theme == "light" else f"-{self.theme}"
            path = Path(folder) / f"{self.language}-{self.width}{theme}-{name}.png"
            self.page.evaluate("() => window.scrollTo(0, 0)")
            self.page.wait_for_timeout(300)  # what fades in is there then
            self.page.screenshot(path=path, full_page=True)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def _guard(self, route: Route) -> None:
        """Let pass what asks the console itself; remember and refuse everything else."""
        url = urlsplit(route.request.url)
        if url.scheme in ("data", "blob") or url.netloc == urlsplit(self.address).netloc:
            route.continue_()
        else:
            self.foreign.append(route.request.url)
            route.abort()

    def listen(self, context: BrowserContext) -> None:
        """Watch what the tab asks for and what it complains about."""
        context.route("**/*", self._guard)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


@contextmanager
def a_guest(
    browser: Browser,
    address: str,
    *,
    width: int,
    language: str = "en",
    script: bool = True,
    theme: Literal["light", "dark"] = "light",
    believes: bool = False,
) -> Iterator[Visit]:
    """Open a tab of that width, of a browser of its own that speaks `language`; nobody is signed in.

    Without `script` no page runs any. One that `believes` takes whatever certificate it is shown.
    """
    # What still fades in would be too pale for axe; people who ask for less motion see it at once, too.
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": HEIGHT},
        locale=language,
        reduced_motion="reduce",
        java_script_enabled=script,
        color_scheme=theme,
        ignore_https_errors=believes,
    )
    visit = Visit(context.new_page(), address, width, language, script, theme)
    visit.listen(context)
    yield visit
    context.close()
