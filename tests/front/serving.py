"""A front in a thread of the test, and raw connections to it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from campaigns.front.connection import Connection
from campaigns.front.house import House
from campaigns.front.peer_limits import BodyLimit, Limits, usual_body
from campaigns.front.steps import Application

#: Longest that anything may take, in seconds.
PATIENCE = 10.0


@contextmanager
def front(
    application: Application,
    limits: Limits | None = None,
    *,
    body_limit: BodyLimit = usual_body,
    proxies: int = 0,
) -> Iterator[int]:
    """Serve `application` as long as the block lasts; yield the port."""
    place = socket.create_server(("127.0.0.1", 0))
    is_open, ended = threading.Event(), threading.Event()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        house = House(application, limits=limits, body_limit=body_limit, proxies=proxies)
        stopping = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stopping))
        await house.open(place, Connection)
        is_open.set()
        await house.look_after(stopping)
        await house.close(2.0)

    def run() -> None:
        asyncio.run(serve())
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert is_open.wait(PATIENCE)
    try:
        yield place.getsockname()[1]
    finally:
        loop, stopping = loops[0]
        loop.call_soon_threadsafe(stopping.set)
        thread.join(PATIENCE)
        place.close()
        assert ended.is_set()


class Client:
    """A raw connection."""

    def __init__(self, port: int, *, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(source, 0))
        self._rest = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *problem: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> Client:
        """Write some bytes."""
        self.socket.sendall(b"".join(parts))
        return self

    def ask(self, target: str = "/", *headers: str, method: str = "GET", body: bytes = b"") -> Answer:
        """Ask for something and return the answer."""
        lines = [f"{method} {target} HTTP/1.1", "Host: front.example", *headers]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n", body)
        return self.answer(method == "HEAD")

    def answer(self, is_head: bool = False) -> Answer:
        """Read the next answer."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        status = int(head[0].split()[1])
        if is_head or status in (100, 204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._exactly(int(headers["content-length"]))
        else:
            body = self.rest()
        return Answer(status, headers, body)

    def rest(self) -> bytes:
        """Read until the other side closes."""
        while part := self._receive():
            self._rest += part
        found, self._rest = self._rest, b""
        return found

    def is_closed(self) -> bool:
        """Wait until the other side closes; False when it writes or stays."""
        try:
            return not self._receive()
        except TimeoutError:
            return False
        except ConnectionError:
            return True

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self._until(b"\r\n"), 16):
            found += self._exactly(size)
            self._exactly(2)
        self._exactly(2)
        return found

    def _until(self, end: bytes) -> bytes:
        while end not in self._rest:
            part = self._receive()
            if not part:
                raise ConnectionError(f"closed after {self._rest[:100]!r}")
            self._rest += part
        found, _, self._rest = self._rest.partition(end)
        return found

    def _exactly(self, count: int) -> bytes:
        while len(self._rest) < count:
            part = self._receive()
            if not part:
                raise ConnectionError(f"closed {count - len(self._rest)} bytes too soon")
            self._rest += part
        found, self._rest = self._rest[:count], self._rest[count:]
        return found

    def _receive(self) -> bytes:
        return self.socket.recv(65536)


class Answer:
    """A status, its headers by lower-case name, and the body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the method, the address and the body of a request."""
    body = environ["wsgi.input"].read()
    said = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']} ".encode() + body
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [said]
