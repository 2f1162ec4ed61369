"""From an empty folder to the first text on a practice phone: one person, two commands, and no other setting."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame

from campaigns.demo.processes import Processes, free_port
from tests.browser.chromium import Visit, a_browser, a_guest, skip_without_browser

pytestmark = pytest.mark.browser

#: What the walk may take. Before there was a page for it, it took 148 clicks, 64 fields, 100 pages and 8 commands.
MOST_CLICKS, MOST_FIELDS, MOST_PAGES = 10, 6, 10
#: How long a server may take to say something, and a rehearsal to arrive, in seconds.
PATIENCE = 120
TYPED = {
    "organisation": "Corridor Watch",
    "name": "Ada",
    "email": "ada@example.org",
    "password": "three patient herons wading",
}


@dataclass(frozen=True, slots=True)
class Empty:
    """A folder with nothing in it, and what runs there."""

    address: str
    sandbox: str
    log: Path
    processes: Processes

    def code(self) -> str:
        """Return the code that the server prints once it listens."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.processes.check()
            printed = re.search(r"/set-up and enter the code (\S+)", self.log.read_text(encoding="utf-8"))
            if printed:
                return printed[1]
            time.sleep(0.1)
        raise AssertionError("no code was printed")


@pytest.fixture
def browser() -> Iterator[Browser]:
    skip_without_browser()
    with a_browser() as browser:
        yield browser


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Empty]:
    address, sandbox = (f"http://127.0.0.1:{free_port(0)}" for _ in range(2))
    environment = {name: value for name, value in os.environ.items() if name.startswith("FINGERPOST_")}
    assert environment == {}
    # Other tests have the usual places: nothing else is set.
    places = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'fingerpost.db'}",
        "PUBLIC_URL": address,
        "PORT": address.rpartition(":")[2],
        "HOOKS_PORT": str(free_port(0)),
        "SANDBOX_URL": sandbox,
    }
    logs = tmp_path / "logs"
    with Processes({f"FINGERPOST_{name}": value for name, value in places.items()}, logs) as processes:
        processes.start("web", "serve")
        yield Empty(address, sandbox, logs / "web.log", processes)
        processes.check()


class Walk:
    """A visit that counts what it takes."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.clicks = self.fields = self.pages = 0
        visit.page.on("framenavigated", self._count)

    def _count(self, frame: Frame) -> None:
        self.pages += frame.parent_frame is None

    def fill(self, name: str, value: str) -> None:
        self.visit.page.fill(f"main [name={name}]", value)
        self.fields += 1

    def press(self, selector: str) -> None:
        with self.visit.page.expect_navigation():
            self.visit.page.locator(selector).locator("visible=true").first.click()
        self.clicks += 1


@pytest.mark.long  # It starts an instance from nothing; each of its pages has quick tests beside it.
@pytest.mark.parametrize(("language", "width"), [("en", 1280), pytest.param("ar", 360, marks=pytest.mark.slow)])
def test_newcomer_sees_a_text_on_a_phone(
    empty: Empty, browser: Browser, language: str, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code = empty.code()
    empty.processes.start("worker", "worker")
    with a_guest(browser, empty.address, width=width, language=language) as visit:
        walk = Walk(visit)
        visit.go("/")
        assert visit.path == "/set-up"
        visit.look("set-up-code")
        walk.fill("code", code)
        walk.press("main form button[type=submit]")
        visit.look("set-up")
        for name, value in TYPED.items():
            walk.fill(name, value)
        walk.press("main form button[type=submit]")
        assert visit.path == "/"
        visit.look("now-first-hour")
        walk.press("#example a[href*='/campaigns/']")
        visit.look("campaign-example")
        walk.press("#rehearse")
        visit.look("campaign-example-rehearsed")
        phones = visit.page.locator("#rehearsals a[rel=noreferrer]").get_attribute("href")
        visit.go("/")
        visit.look("now-first-hour-rehearsed")
        assert phones
        with a_guest(browser, empty.sandbox, width=width, language="en") as phone:
            text = first_text(phone, phones)
        # The last two are to open the page of phones, and one of them.
        took = (walk.clicks + 2, walk.fields, walk.pages + 2)
        throw_away(visit)
        visit.look("now-first-hour-thrown-away")
    counted = "clicks {}, fields {}, pages {}, commands 2".format(*took)
    with capsys.disabled():
        print(f"\nfrom nothing to “{text}”: {counted}")  # noqa: T201 - the figures are what is asked for
    for figure, most in zip(took, (MOST_CLICKS, MOST_FIELDS, MOST_PAGES), strict=True):
        assert figure <= most


def throw_away(visit: Visit) -> None:
    """Press the button until the rehearsal is over and the example can go."""
    deadline = time.monotonic() + PATIENCE
    button = visit.page.locator("form[action='/example/throw-away'] button")
    while button.count():
        assert time.monotonic() < deadline, visit.page.locator("main").inner_text()
        with visit.page.expect_navigation() as navigation:
            button.first.click()
        assert navigation.value.ok
        time.sleep(1)
    assert visit.page.locator("form[action='/example/add']").count() == 1


def first_text(visit: Visit, phones: str) -> str:
    """Open the phones as soon as one has got something, and return what it got."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        visit.page.goto(phones)
        phone = visit.page.locator("a[href*='to=%2B']").first
        if phone.count():
            phone.click()
            visit.look("phone-of-the-example")
            return visit.page.locator(".theirs").first.inner_text().strip()
        time.sleep(0.5)
    raise AssertionError("no phone got anything")
