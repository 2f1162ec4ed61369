"""Replies no provider should give, from a server that gives them: nothing of it may look like a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from campaigns.gateways.base import RejectedError, SendError, ThrottledError, UnknownOutcomeError
from tests.gateways.conftest import a_message, twilio_at, using


class CannedServer:
    """Reads one request a connection, answers with the same bytes, closes, and counts."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests = 0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        self.requests += 1
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@contextmanager
def answering(head: str, body: str = "", *, promised: int | None = None) -> Iterator[CannedServer]:
    """Run a server that answers `head` and `body`; `promised` is a Content-Length that is not kept."""
    length = len(body.encode()) if promised is None else promised
    server = CannedServer(f"HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}".encode())
    thread = Thread(target=server.loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        server.loop.call_soon_threadsafe(server.loop.stop)
        thread.join()
        server.server.close()
        server.loop.close()


def outcome_of(server: CannedServer) -> SendError:
    with pytest.raises(SendError) as caught:
        using(twilio_at(server.url), lambda gateway: gateway.send(a_message()))
    assert server.requests == 1
    return caught.value


JSON = "Content-Type: application/json"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("200 OK\r\nContent-Type: text/html", "<html>Welcome</html>"),
        (f"201 Created\r\n{JSON}", '{"sid": null}'),
        (f"201 Created\r\n{JSON}", "[1, 2]"),
        (f"201 Created\r\n{JSON}", '{"sid": "SM1", '),
        (f"201 Created\r\n{JSON}", ""),
        ("403 Forbidden\r\nContent-Type: text/html", "<html>Blocked by proxy</html>"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
        (f"500 Oops\r\n{JSON}", '{"code": 20500, "message": "error", "status": 500}'),
        (f"503 Busy\r\n{JSON}", '{"code": 20503, "message": "error", "status": 503}'),
        ("502 Bad Gateway\r\nContent-Type: text/html", "<html></html>"),
    ],
)
def test_foreign_reply_is_unknown(head: str, body: str) -> None:
    with answering(head, body) as server:
        assert isinstance(outcome_of(server), UnknownOutcomeError)


def test_half_a_reply_is_unknown() -> None:
    with answering(f"201 Created\r\n{JSON}", '{"sid": "SM', promised=500) as server:
        assert isinstance(outcome_of(server), UnknownOutcomeError)


@pytest.mark.parametrize(("header", "seconds"), [("Retry-After: 7", 7.0), ("Retry-After: soon", None)])
def test_retry_after_is_read(header: str, seconds: float | None) -> None:
    body = '{"code": 20429, "message": "too many", "status": 429}'
    with answering(f"429 Too Many\r\n{JSON}\r\n{header}", body) as server:
        error = outcome_of(server)
    assert isinstance(error, ThrottledError)
    assert (error.code, error.retry_after_seconds) == ("20429", seconds)


def test_retry_after_may_be_a_date() -> None:
    with answering("429 Too Many\r\nRetry-After: Wed, 21 Oct 2065 07:28:00 GMT") as server:
        error = outcome_of(server)
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds is not None
    assert error.retry_after_seconds > 3600


def test_problem_json_of_newer_services_is_read() -> None:
    body = '{"type": "about:blank", "title": "no", "status": 400, "code": 21614}'
    with answering(f"400 Bad\r\n{JSON}", body) as server:
        error = outcome_of(server)
    assert isinstance(error, RejectedError)
    assert error.code == "21614"


def test_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with answering(f"201 Created\r\n{JSON}", '{"sid": "SM1", "status": "queued"}') as server:
        accepted = using(twilio_at(server.url), lambda gateway: gateway.send(a_message()))
    assert accepted.provider_id == "SM1"


def test_region_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    with answering(f"201 Created\r\n{JSON}", '{"sid": "SM1", "status": "queued"}') as server:
        accepted = using(twilio_at(server.url), lambda gateway: gateway.send(a_message()))
    assert accepted.provider_id == "SM1"
