"""The console of a test, served, and tabs in which a member is signed in already."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Literal

from flask import Flask
from playwright.sync_api import Browser
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from campaigns.staff.models import Member
from tests.browser.chromium import Visit, a_browser, a_guest
from tests.web.pages import Pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


#: As many requests as a browser makes at once, and some for a second one.
ANSWERS_AT_ONCE = 12


class _Silent(WSGIRequestHandler):
    """Answers without a word about it."""

    def log(self, kind: str, message: str, *values: object) -> None:
        pass


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an application from threads of this process, with forms that need a token; yields its address.

    What `fingerpost serve` does beyond it, the stories of `tests/browser` go through. An answer that nobody waits
    for any more is finished before the block is left, so that it finds its database.
    """
    app.config["WTF_CSRF_ENABLED"] = True
    answering = ThreadPoolExecutor(ANSWERS_AT_ONCE)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # Read at once: what is still open when a browser hangs up, this server never closes.
        body, status, headers = answering.submit(run_wsgi_app, app, environ, buffered=True).result()
        start_response(status, list(headers))
        return body

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=_Silent)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
        server.shutdown()
        thread.join()
        answering.shutdown()
        server.server_close()


@contextmanager
def a_visit(
    browser: Browser,
    address: str,
    pages: Pages,
    member: Member,
    *,
    width: int,
    language: str = "en",
    script: bool = True,
    theme: Literal["light", "dark"] = "light",
) -> Iterator[Visit]:
    """Open a tab of that width in which `member` is signed in, in a browser that speaks `language`.

    Without `script` no page runs any.
    """
    with a_guest(browser, address, width=width, language=language, script=script, theme=theme) as visit:
        visit.page.context.add_cookies([{"name": "session", "value": _cookie_of(pages, member), "url": address}])
        yield visit


@contextmanager
def a_served_visit(pages: Pages, member: Member, *, language: str, width: int) -> Iterator[Visit]:
    """Serve the pages and open a tab in which `member`, who reads `language`, is signed in."""
    with (
        served(pages.app) as address,
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
