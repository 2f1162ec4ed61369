"""Files are fetched within a limit, by way of redirects, and no other host is shown our credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from campaigns.core.errors import FingerpostError, NotFoundError, TooLargeError, UnavailableError
from campaigns.gateways.transport.download import delete, download
from tests.gateways.canned import http

LOGIN = ("AC1", "secret")


class Storage(ThreadingHTTPServer):
    """Answers every request in the same way, and remembers who asked by what."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answer = answer
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/file"


class _Answering(BaseHTTPRequestHandler):
    server: Storage

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.headers["Authorization"]))
        self.wfile.write(self.server.answer)
        self.close_connection = True

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def storage(answer: bytes) -> Iterator[Storage]:
    with Storage(answer) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fetch(url: str, *, most_bytes: int = 100, login: tuple[str, str] | None = LOGIN) -> bytes:
    return asyncio.run(download(url, most_bytes=most_bytes, login=login))


def test_credentials_stay_with_the_host_they_are_for() -> None:
    with storage(http("200 OK", "voice")) as there:
        sent_on = f"307 On\r\nLocation: {there.url.replace('127.0.0.1', 'localhost')}"
        with storage(http(sent_on)) as here:
            assert fetch(here.url) == b"voice"
            assert [one is not None for _, one in here.asked] == [True]
        assert there.asked == [("GET", None)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (http("404 Not Found"), NotFoundError),
        (http("410 Gone"), NotFoundError),
        (http("401 Unauthorized"), UnavailableError),
        (http("503 Unavailable"), UnavailableError),
        (http("200 OK", "x" * 101), TooLargeError),
        # Its length is not told beforehand.
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 101, TooLargeError),
        (http("200 OK", "cut", promised=50), UnavailableError),
        (http("302 On\r\nLocation: file:///etc/passwd"), UnavailableError),
        (http("302 On\r\nLocation: https://127.0.0.1:1/"), UnavailableError),
        (b"SMTP\r\n\r\n", UnavailableError),
    ],
)
def test_what_is_no_file_has_its_error(answer: bytes, error: type[FingerpostError]) -> None:
    with storage(answer) as there, pytest.raises(error):
        fetch(there.url)


def test_endless_redirect_ends() -> None:
    with storage(b"") as there:
        there.answer = http(f"307 On\r\nLocation: {there.url}")
        with pytest.raises(UnavailableError):
            fetch(there.url)
        assert len(there.asked) < 10


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        fetch("http://127.0.0.1:1/file")


@pytest.mark.parametrize("status", ["204 No Content", "404 Not Found"])
def test_deleted_is_deleted(status: str) -> None:
    with storage(http(status)) as there:
        asyncio.run(delete(there.url, login=LOGIN))
        assert [method for method, _ in there.asked] == ["DELETE"]


def test_refused_deletion_is_said() -> None:
    with storage(http("500 Oops")) as there, pytest.raises(UnavailableError):
        asyncio.run(delete(there.url, login=LOGIN))
