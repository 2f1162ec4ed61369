"""A real browser on the real application: signed in, and cut off from every other host."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

from campaigns.core.settings import PROJECT_ROOT
from campaigns.staff.models import Member
from tests.web.pages import KEYS, Pages

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


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


@contextmanager
def served(database_url: str) -> Iterator[str]:
    """Run `fingerpost serve` on that database and a free port of this machine; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"HOST": "127.0.0.1", "PORT": str(port), "DATABASE_URL": database_url, "MODE": "demo"}
    environment = os.environ | KEYS | {f"FINGERPOST_{name}": value for name, value in own.items()}
    server = subprocess.Popen([sys.executable, "-m", "campaigns.cli", "serve"], env=environment, cwd=PROJECT_ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/health", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert server.poll() is None, "the server ended before it answered"
        with suppress(URLError), urlopen(url, timeout=5):  # noqa: S310 - an address of this machine
            return
        time.sleep(0.1)
    raise AssertionError("the server does not answer")


@dataclass
class Visit:
    """One signed-in tab; `foreign` and `complaints` must stay empty."""

    page: Page
    address: str
    width: int
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> None:
        self.page.goto(self.address + path)

    def wait_for_map(self) -> None:
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

    def hear(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)

    def violations(self) -> list[str]:
        """What axe finds on the page as it is now."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@contextmanager
def a_visit(
    browser: Browser, address: str, pages: Pages, member: Member, *, width: int, locale: str = "en"
) -> Iterator[Visit]:
    """Open a tab of that width (and 800 high) in which `member` is signed in."""
    context = browser.new_context(viewport={"width": width, "height": 800}, locale=locale)
    context.add_cookies([{"name": "session", "value": _cookie_of(pages, member), "url": address}])
    visit = Visit(context.new_page(), address, width)
    host = urlsplit(address).netloc

    def guard(route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.scheme in ("data", "blob") or url.netloc == host:
            route.continue_()
        else:
            visit.foreign.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    visit.page.on("console", visit.hear)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    yield visit
    context.close()


def _cookie_of(pages: Pages, member: Member) -> str:
    # In a thread of its own: Playwright keeps an event loop in this one, which the application must not meet.
    with ThreadPoolExecutor(1) as elsewhere:
        cookie = elsewhere.submit(lambda: pages.client(member).get_cookie("session")).result()
    assert cookie is not None
    return cookie.value


def skip_without_browser() -> None:
    """Skip loudly where neither Chromium nor Playwright's own browser is installed."""
    with sync_playwright() as playwright:
        own = os.path.exists(playwright.chromium.executable_path)
    if not own and not any(map(shutil.which, BROWSERS)):
        pytest.skip("no Chromium on this machine: pages were NOT tried in a browser")
