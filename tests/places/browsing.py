"""The console served from a test's database, and tabs in which a member is signed in already."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser

from campaigns.core.settings import PROJECT_ROOT
from campaigns.staff.models import Member
from tests.browser.chromium import Visit, a_browser, a_guest
from tests.web.pages import KEYS, Pages


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


@contextmanager
def a_visit(
    browser: Browser, address: str, pages: Pages, member: Member, *, width: int, language: str = "en"
) -> Iterator[Visit]:
    """Open a tab of that width in which `member` is signed in, in a browser that speaks `language`."""
    with a_guest(browser, address, width=width, language=language) as visit:
        visit.page.context.add_cookies([{"name": "session", "value": _cookie_of(pages, member), "url": address}])
        yield visit


@contextmanager
def a_served_visit(url: str, pages: Pages, member: Member, *, language: str, width: int) -> Iterator[Visit]:
    """Serve a database and open a tab in which `member`, who reads `language`, is signed in."""
    with (
        served(url) as address,
        a_browser() as browser,
        a_visit(browser, address, pages, member, width=width) as visit,
    ):
        visit.language = language
        yield visit


def _cookie_of(pages: Pages, member: Member) -> str:
    # In a thread of its own: Playwright keeps an event loop in this one, which the application must not meet.
    with ThreadPoolExecutor(1) as elsewhere:
        cookie = elsewhere.submit(lambda: pages.client(member).get_cookie("session")).result()
    assert cookie is not None
    return cookie.value
