"""A provider that costs next to nothing: it takes messages as Twilio does, and remembers whom each was for.

The sandbox checks, paces and remembers whole messages, which takes eight times as long: on two cores it is what a
bench waits for. This one looks at no more than it must, so that what is measured is ours. It answers the sandbox's
control calls that a bench makes, lists no message, and knows nothing else. With `--call-back` it reports on each
message as well (`bench.calling_back`).
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from contextlib import suppress
from typing import Any, cast

import uvloop

from bench.calling_back import Reporter
from tests.sandbox.process import SandboxProcess

_CREATED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    b'{"sid": "%b", "status": "queued", "num_segments": "1", "error_code": null, "error_message": null}'
)
_LENGTH, _END = b"content-length:", b"\r\n\r\n"
#: The reference in the address to which a message is to be reported.
_REFERENCE = re.compile(rb"StatusCallback=[^&]*?m%3D(\w+)")
#: What lets it report on messages.
CALL_BACK = "--call-back"
_NOTHING = {"code": 20404, "message": "The requested resource was not found", "status": 404}


class Books:
    """What was taken since the last reset."""

    def __init__(self, reporter: Reporter | None = None) -> None:
        self._reporter = reporter
        self.reset()

    def reset(self) -> None:
        """Forget everything but the number by which the next message is named."""
        self.accepted = 0
        #: Hashes of the references: of a million messages the words themselves take twice as much.
        self._known: set[int] = set()

    def take(self, form: bytes) -> bytes:
        """Take a message and return its id."""
        self.accepted += 1
        sid = b"SM%032x" % self.accepted
        if told := _REFERENCE.search(form):
            self._known.add(hash(told[1]))
            if self._reporter:
                self._reporter.take(form, told[1], sid)
        return sid

    def invariants(self) -> dict[str, Any]:
        """Return what the sandbox's oracle calls so."""
        reported = self._reporter.figures() if self._reporter else {}
        return {"accepted": self.accepted, "intents": len(self._known), **reported}


class Door(asyncio.Protocol):
    """Answers the requests of one connection, one after the other."""

    def __init__(self, books: Books) -> None:
        self._books, self._heard = books, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request that is there as a whole."""
        self._heard += data
        while True:
            head, ended, rest = self._heard.partition(_END)
            if not ended:
                return
            length = _length_of(head)
            if len(rest) < length:
                return
            self._heard = rest[length:]
            self._transport.write(self._answer(head, rest[:length]))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b" ", 2)
        path = path.partition(b"?")[0]
        if path.endswith(b"/Messages.json"):
            if method == b"POST":
                sid = self._books.take(body)
                return _CREATED % (len(_CREATED.partition(_END)[2]) + len(sid) - 2, sid)
            return _json({"messages": [], "next_page_uri": None})
        if path == b"/_sandbox/invariants":
            return _json(self._books.invariants())
        if path.startswith(b"/_sandbox/"):
            if path.endswith(b"/reset"):
                self._books.reset()
            return _json({})
        return _json(_NOTHING, b"404 Not Found")


def _length_of(head: bytes) -> int:
    _, _, rest = head.lower().partition(_LENGTH)
    return int(rest.partition(b"\r\n")[0] or 0)


def _json(value: Any, status: bytes = b"200 OK") -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


class BareProvider(SandboxProcess):
    """Starts `python -m bench.bare_provider` in place of a sandbox, and stops it on leaving."""

    module = "bench.bare_provider"


class CallingProvider(BareProvider):
    """The same, which reports on each message."""

    def __init__(self) -> None:
        super().__init__(CALL_BACK)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    books = Books(Reporter(loop) if CALL_BACK in sys.argv else None)
    server = await loop.create_server(lambda: Door(books), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    serving = asyncio.create_task(server.serve_forever())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


def main() -> None:
    """Serve until told to stop; the first line of output is the address."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())


if __name__ == "__main__":
    main()
