"""A provider that costs little reports on its messages as Twilio does: signed, over connections that it keeps.

Each message has three receipts (`bench.told`), one after the other: the next one queues behind all that are to be
reported by then. One that is not answered 204 is reported again. Forms are put together and signed by their fixed
order, which takes a fifth of what the sandbox takes for any form; the signature is the same.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64encode
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import cast
from urllib.parse import unquote_to_bytes

from bench.told import RECEIPTS_EACH, last_word_of, word_of
from tests.sandbox.process import DEFAULTS

#: Connections that are kept open, each with one receipt at a time, which waits for a commit: enough that they are
#: not what limits the receipts a second, and less than the front gives to one peer.
CONNECTIONS = 384
#: Pause before an address is called again where nobody listens yet, in seconds.
PAUSE_SECONDS = 0.1
#: The address to which a message is to be reported, up to its reference.
_ADDRESS = re.compile(rb"StatusCallback=([^&]*?m%3D)")
_FROM, _TO = re.compile(rb"From=(\w+)"), re.compile(rb"To=%2B(\d+)")
_ACCOUNT = DEFAULTS.account_sid.encode()
_TOKEN = DEFAULTS.auth_token.encode()
_API_VERSION = b"2010-04-01"


@dataclass(frozen=True, slots=True)
class Address:
    """Where receipts are posted: of each the reference follows."""

    url: bytes
    target: bytes
    host: str
    port: int


@dataclass(slots=True)
class Told:
    """A message that is to be reported on."""

    address: Address
    reference: bytes
    sid: bytes
    sender: bytes
    #: Digits of the number.
    number: bytes
    #: How many of its receipts were answered.
    turn: int = 0


class Reporter:
    """Reports on messages in the order in which they came."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Told] = deque()
        self._idle: list[Line] = []
        self._lines: set[asyncio.Task[None]] = set()
        self.answered = self.refused = self.lost = 0

    def take(self, form: bytes, reference: bytes, sid: bytes) -> None:
        """Report on a message from now on."""
        address, sender, number = _ADDRESS.search(form), _FROM.search(form), _TO.search(form)
        if not (address and sender and number):
            return
        told = Told(_read_address(address[1]), reference, sid, sender[1], number[1])
        self.lost += not last_word_of(reference.decode()).startswith("delivered")
        if not self._lines:
            self._lines = {self._loop.create_task(self._keep_line(told.address)) for _ in range(CONNECTIONS)}
        self.put(told)

    def put(self, told: Told) -> None:
        """Report on a message, once more."""
        self._waiting.append(told)
        if self._idle:
            self._idle.pop().report_next()

    def next_for(self, line: Line) -> Told | None:
        """Return what a line is to report, or note that it waits."""
        if self._waiting:
            return self._waiting.popleft()
        self._idle.append(line)
        return None

    def end(self, told: Told, *, is_kept: bool) -> None:
        """Note that a receipt was answered; the next one of its message takes its turn."""
        if is_kept:
            self.answered += 1
            told.turn += 1
        else:
            self.refused += 1
        if told.turn < RECEIPTS_EACH:
            self.put(told)

    def forget(self, line: Line) -> None:
        """Give a line that broke nothing to do."""
        with suppress(ValueError):
            self._idle.remove(line)

    def figures(self) -> dict[str, int]:
        """Return how many receipts were answered and refused, and how many messages end lost."""
        return {"answered": self.answered, "refused": self.refused, "lost": self.lost}

    async def _keep_line(self, address: Address) -> None:
        while True:
            try:
                _, line = await self._loop.create_connection(lambda: Line(self), address.host, address.port)
            except OSError:
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                await line.ended


class Line(asyncio.Protocol):
    """One connection, on which receipts are posted one after the other."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.ended = asyncio.get_running_loop().create_future()
        self._told: Told | None = None
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to report."""
        self._transport = cast(asyncio.Transport, transport)
        self.report_next()

    def report_next(self) -> None:
        """Report what is next, if anything is."""
        self._told = self._reporter.next_for(self)
        if self._told:
            self._transport.write(request_of(self._told))

    def data_received(self, data: bytes) -> None:
        """Read an answer; what is not kept is reported again."""
        self._answer += data
        if b"\r\n\r\n" not in self._answer or self._told is None:
            return
        answer, self._answer = self._answer, b""
        told, self._told = self._told, None
        is_kept = answer.startswith(b"HTTP/1.1 204")
        self._reporter.end(told, is_kept=is_kept)
        if is_kept and b"\r\nconnection: close" not in answer.lower():
            self.report_next()
        else:
            # A refusal has a body, which is not worth reading.
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Have another line report what was on its way."""
        self._reporter.forget(self)
        if self._told:
            self._reporter.end(self._told, is_kept=False)
        self.ended.set_result(None)


def request_of(told: Told) -> bytes:
    """Return the request that posts the next receipt of a message."""
    status, _, code = word_of(told.reference.decode(), told.turn).partition("\t")
    word, error = status.encode(), code.encode()
    url = told.address.url + told.reference
    # By name, as they are signed.
    signed = b"%bAccountSid%bApiVersion%b%bFrom%bMessageSid%bMessageStatus%bSmsSid%bSmsStatus%bTo+%b" % (
        *(url, _ACCOUNT, _API_VERSION, b"ErrorCode" + error if error else b"", told.sender),
        *(told.sid, word, told.sid, word, told.number),
    )
    body = (
        b"AccountSid=%b&ApiVersion=%b%b&From=%b&MessageSid=%b&MessageStatus=%b&SmsSid=%b&SmsStatus=%b&To=%%2B%b"
        % (
            *(_ACCOUNT, _API_VERSION, b"&ErrorCode=" + error if error else b"", told.sender),
            *(told.sid, word, told.sid, word, told.number),
        )
    )
    return (
        b"POST %b%b HTTP/1.1\r\nHost: %b:%d\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
        b"X-Twilio-Signature: %b\r\nI-Twilio-Idempotency-Token: %b%d\r\nContent-Length: %d\r\n\r\n%b"
    ) % (
        *(told.address.target, told.reference, told.address.host.encode(), told.address.port),
        *(b64encode(hmac.digest(_TOKEN, signed, "sha1")), told.reference, told.turn, len(body), body),
    )


@lru_cache(maxsize=8)
def _read_address(quoted: bytes) -> Address:
    """Return the parts of an address as a form has it."""
    url = unquote_to_bytes(quoted)
    place, _, path = url.removeprefix(b"http://").partition(b"/")
    host, _, port = place.decode().partition(":")
    return Address(url, b"/" + path, host, int(port or 80))
