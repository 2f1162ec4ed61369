"""Signed status callbacks as a provider sends them, and a client that posts them over connections it keeps."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import cast
from urllib.parse import urlencode

import uvloop

from campaigns.sandbox.callbacks.signing import sign

#: The public address that is signed; the server listens elsewhere, as behind a proxy.
PUBLIC_URL = "http://reach.example.org"
ACCOUNT, TOKEN = "AC" + "5b" * 16, "the token of the bench"
PATH = "/hooks/twilio/status"


def make_callbacks(count: int) -> list[bytes]:
    """Return `count` requests, each about another message."""
    return [_request(secrets.token_hex(16), number) for number in range(count)]


def _request(reference: str, number: int) -> bytes:
    sid = "SM" + secrets.token_hex(16)
    form = [
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
        ("From", "FINGERPOST"),
        ("MessageSid", sid),
        ("MessageStatus", "delivered"),
        ("MessagingServiceSid", "MG" + "5b" * 16),
        ("RawDlrDoneDate", "2611242245"),
        ("SmsSid", sid),
        ("SmsStatus", "delivered"),
        ("To", f"+38067{number % 10_000_000:07}"),
    ]
    target, body = f"{PATH}?m={reference}", urlencode(form).encode()
    head = (
        f"POST {target} HTTP/1.1\r\n"
        f"Host: {PUBLIC_URL.removeprefix('http://')}\r\n"
        "User-Agent: TwilioProxy/1.1\r\n"
        "Accept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
        f"X-Twilio-Signature: {sign(TOKEN, PUBLIC_URL + target, form)}\r\n"
        f"I-Twilio-Idempotency-Token: {reference}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(slots=True)
class Posted:
    """What came of a round."""

    seconds: float = 0.0
    #: Seconds from the request to its answer, one each.
    waits: list[float] = field(default_factory=list)
    _at: int = 0
    _call: Callable[[], object] = bool

    def at(self, count: int, call: Callable[[], object]) -> None:
        """Let `call` be called once `count` callbacks are answered."""
        self._at, self._call = count, call

    def add(self, wait: float) -> None:
        """Note one more answer."""
        self.waits.append(wait)
        if len(self.waits) == self._at:
            self._call()

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.seconds

    def milliseconds(self, share: float) -> float:
        """Return the wait that `share` of the callbacks did not exceed."""
        return round(sorted(self.waits)[int(share * (len(self.waits) - 1))] * 1000, 1)


def post_all(port: int, callbacks: list[bytes], *, connections: int, posted: Posted | None = None) -> Posted:
    """Post every callback and return when each is answered 204; `posted` is what others may watch meanwhile.

    Raises RuntimeError for any other answer and OSError when nobody listens any more.
    """
    posted = Posted() if posted is None else posted
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_post_all(port, callbacks, connections, posted))
    return posted


async def _post_all(port: int, callbacks: list[bytes], connections: int, posted: Posted) -> None:
    waiting = iter(callbacks)
    began = time.perf_counter()
    callers = (_keep_posting(port, waiting, posted) for _ in range(connections))
    # All of them to their end, so that none leaves a connection open when one fails.
    ends = await asyncio.gather(*callers, return_exceptions=True)
    posted.seconds = time.perf_counter() - began
    for error in ends:
        if error is not None:
            raise error


async def _keep_posting(port: int, waiting: Iterator[bytes], posted: Posted) -> None:
    loop = asyncio.get_running_loop()
    is_open = True
    while is_open:
        made = partial(_Caller, waiting, posted, loop.create_future())
        _, caller = await loop.create_connection(made, "127.0.0.1", port)
        is_open = await caller.ended


class _Caller(asyncio.Protocol):
    """Posts on one connection, one callback at a time; `ended` tells whether another connection is wanted."""

    def __init__(self, waiting: Iterator[bytes], posted: Posted, ended: asyncio.Future[bool]) -> None:
        self.ended = ended
        self._waiting, self._posted = waiting, posted
        self._answer = b""
        self._asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._post_next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if b"\r\n\r\n" not in self._answer:
            return
        answer, self._answer = self._answer, b""
        if not answer.startswith(b"HTTP/1.1 204"):
            self._end(RuntimeError(f"The server answered {answer[:200]!r}"))
            return
        self._posted.add(time.perf_counter() - self._asked_at)
        if b"\r\nconnection: close" not in answer.lower():
            self._post_next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(True)

    def _post_next(self) -> None:
        request = next(self._waiting, None)
        if request is None:
            self._end(None)
            return
        self._asked_at = time.perf_counter()
        self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if not self.ended.done():
            if error is None:
                self.ended.set_result(False)
            else:
                self.ended.set_exception(error)
        self._transport.close()
