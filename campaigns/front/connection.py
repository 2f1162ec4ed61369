"""One connection of HTTP/1.1: reads requests whole, has each answered in its turn, and is never waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from campaigns.core.errors import InputError
from campaigns.front.body_files import Incoming
from campaigns.front.environ import environ_of
from campaigns.front.house import House
from campaigns.front.peer_limits import USUAL_BODY
from campaigns.front.peers import peer_of
from campaigns.front.steps import Piece, Work
from campaigns.front.wording import CONTINUE, Asked, Opening, asked_by, framed, open_answer, refusal

#: Bytes of somebody refused that are still listened to.
_MOST_LINGERING = 1024 * 1024
_NEVER = float("inf")


@dataclass(slots=True, eq=False)
class _Exchange:
    """A request that is being answered."""

    asked: Asked
    #: Who asks, as far as their turn goes.
    peer: str = ""
    #: None for what is answered without a thread.
    work: Work | None = None
    opening: Opening | None = None
    sent: int = 0
    #: Whether its next step waits until the reader made room.
    awaits_reader: bool = False
    is_made: bool = False


class Connection(asyncio.Protocol):
    """A connection, from the loop's side; nothing of it may be called in another thread."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._ours: tuple[Any, ...] = ("", 0)
        self._theirs: tuple[Any, ...] = ("", 0)
        self.peer = ""
        #: When it has to have moved on, by the loop's clock.
        self.deadline = _NEVER
        self._incoming: Incoming | None = None
        #: Bytes of the request that is arriving, but those of its body.
        self._other_bytes = 0
        #: Bytes that its reader had not taken when it was last looked at.
        self._unsent = 0
        #: Whether what arrives is no longer read: it was refused, or is the last one.
        self._is_deaf = False
        self._queue: deque[tuple[Asked, dict[str, Any] | HTTPStatus]] = deque()
        self._exchange: _Exchange | None = None
        self._is_full = self._is_gone = self._is_leaving = self._is_paused = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing of ours is lost when it is closed; see `peers.py`."""
        return self._exchange is None or self._exchange.awaits_reader

    def close(self) -> None:
        """Make room for somebody else, or end with the process."""
        self._transport.abort()

    def leave(self) -> None:
        """End after the answers that are being made."""
        self._is_leaving = True
        self._go_deaf()
        if self._exchange is None:
            self._transport.close()

    def expire(self) -> None:
        """Do what follows when the deadline has passed."""
        exchange = self._exchange
        taken = self._unsent - self._transport.get_write_buffer_size()
        if taken >= min(self._unsent, self._house.limits.write_step) > 0:
            self._wait_for_reader()
        elif exchange is not None and exchange.work is None and not exchange.awaits_reader:
            self._write(exchange, refusal(HTTPStatus.SERVICE_UNAVAILABLE))
        elif exchange is None and self._incoming is not None:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._transport.abort()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ours = transport.get_extra_info("sockname") or self._ours
        self._theirs = transport.get_extra_info("peername") or self._theirs
        self.peer = peer_of(str(self._theirs[0]))
        self._wait_for(self._house.limits.head_seconds)
        self._house.enter(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._is_gone = True
        self.deadline = _NEVER
        self._house.leave(self)
        self._go_deaf()
        exchange = self._exchange
        for _, request in self._queue:
            if not isinstance(request, HTTPStatus):
                request["wsgi.input"].close()
        if exchange is not None and exchange.work is not None and exchange.awaits_reader:
            # No step is running, so nobody else closes it.
            self._house.close_work(exchange.work)

    def eof_received(self) -> bool:
        # Who shuts one side down after a request may still want its answer.
        return self._exchange is not None or bool(self._queue)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full, self._unsent = False, 0
        exchange = self._exchange
        if exchange is not None and exchange.awaits_reader:
            exchange.awaits_reader = False
            self._go_on(exchange)

    def data_received(self, data: bytes) -> None:
        self._other_bytes += len(data)
        if self._is_deaf:
            if self._other_bytes > _MOST_LINGERING:
                self._transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            # Answered as if it had not been asked for; what follows would be of another protocol.
            self._go_deaf()
        except HttpParserError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        # Small chunks cost several times what they carry, and trailers carry nothing.
        carried = 0 if self._incoming is None else self._incoming.size
        if self._other_bytes > self._house.limits.head_bytes + carried:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # What the parser calls, within `data_received`.

    def on_message_begin(self) -> None:
        if self._is_deaf:
            return
        # None again as soon as nothing more of it is wanted.
        self._incoming = Incoming()
        if self._exchange is None:
            self._wait_for(self._house.limits.head_seconds)

    def on_url(self, part: bytes) -> None:
        if self._incoming is not None:
            self._incoming.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after a body has no meaning here.
        if self._incoming is not None and self._incoming.environ is None:
            self._incoming.headers.append((name, value))

    def on_headers_complete(self) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        size = len(incoming.target) + sum(len(name) + len(value) + 4 for name, value in incoming.headers)
        if size > self._house.limits.head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        version = self._parser.get_http_version()
        method = self._parser.get_method().decode("latin-1")
        try:
            environ = environ_of(method, incoming.target, version, incoming.headers, self._ours, self._theirs)
        except InputError:
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        incoming.environ = environ
        if "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            self._expect_body(incoming, environ)

    def _expect_body(self, incoming: Incoming, environ: dict[str, Any]) -> None:
        """Refuse a body that is too large before it comes, or give it its time."""
        if self._parser.should_upgrade():
            # Of who wants another protocol no body is read, and a stop without its words would be lost.
            self._refuse(HTTPStatus.BAD_REQUEST)
            return
        declared = int(environ.get("CONTENT_LENGTH") or 0)
        incoming.limit = self._house.body_limit(environ)
        if declared > incoming.limit:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        if declared > USUAL_BODY and not self._has_large_place(incoming):
            return
        self._give_time(incoming)
        is_awaited = declared or "HTTP_TRANSFER_ENCODING" in environ
        if is_awaited and self._exchange is None and environ.get("HTTP_EXPECT", "").lower() == "100-continue":
            self._transport.write(CONTINUE)

    def _give_time(self, incoming: Incoming) -> None:
        incoming.due = incoming.size + self._house.limits.body_step
        if self._exchange is None:
            self._wait_for(self._house.limits.body_seconds)

    def _has_large_place(self, incoming: Incoming) -> bool:
        """Say whether it has one of the few places for large bodies, or got one now; else it is refused."""
        if incoming.large_of is None:
            peer = self._house.peer_of(incoming.environ or {}, self.peer)
            if not self._house.take_large(peer):
                self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
                return False
            incoming.large_of = peer
        return True

    def on_body(self, part: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        self._other_bytes -= len(part)
        size = incoming.size + len(part)
        if size > incoming.limit:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        # In chunks nobody said how much it would be.
        if size > USUAL_BODY and not self._has_large_place(incoming):
            return
        try:
            incoming.add(part)
        except OSError:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE)
        if size >= incoming.due:
            self._give_time(incoming)

    def on_message_complete(self) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        self._release_place(incoming)
        self._incoming, self._other_bytes = None, 0
        environ = incoming.complete()
        keeps_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._queue.append((asked_by(environ, keeps_alive=keeps_alive), environ))
        if len(self._queue) > self._house.limits.ahead:
            self._transport.abort()
            self._go_deaf()
            return
        if self._exchange is not None:
            self._pause()
        self._begin_next()

    # Answering.

    def _begin_next(self) -> None:
        """Answer what is next in line, or wait for it."""
        if self._exchange is not None or self._is_gone:
            return
        if not self._queue:
            self._rest()
            return
        asked, request = self._queue.popleft()
        self._exchange = exchange = _Exchange(asked)
        if isinstance(request, HTTPStatus):
            self._write(exchange, refusal(request))
            return
        self._wait_for(self._house.limits.patience_seconds)
        if self._house.answer_at_once(request, partial(self._answered, exchange)):
            return
        self._pause()
        exchange.peer = self._house.peer_of(request, self.peer)
        exchange.work = Work(self._house.application, request)
        self._step(exchange)

    def _rest(self) -> None:
        limits = self._house.limits
        if self._is_leaving:
            self._transport.close()
            return
        self._wait_for(limits.idle_seconds if self._incoming is None else limits.body_seconds)
        self._resume()

    def _step(self, exchange: _Exchange) -> None:
        """Have the next piece made in a thread."""
        self.deadline = _NEVER
        if exchange.work is not None:
            self._house.work(exchange.work, partial(self._take, exchange), peer=exchange.peer)

    def _answered(self, exchange: _Exchange, piece: Piece) -> None:
        """Take an answer that needed no thread of ours, from whichever thread it comes."""
        self._house.mailbox.post(self._take, exchange, piece)

    def _take(self, exchange: _Exchange, piece: Piece | None) -> None:
        """Write a piece that was made; one that comes too late is dropped."""
        if self._is_gone or self._exchange is not exchange:
            if exchange.work is not None and piece is not None and not piece.is_last:
                self._house.close_work(exchange.work)
        elif piece is None and exchange.opening is not None:
            self._transport.abort()
        else:
            # Whatever becomes of it has an end.
            self._wait_for(self._house.limits.patience_seconds)
            self._write(exchange, piece or refusal(HTTPStatus.INTERNAL_SERVER_ERROR))

    def _write(self, exchange: _Exchange, piece: Piece) -> None:
        first = b""
        if exchange.opening is None:
            asked = exchange.asked
            if self._is_deaf and not self._queue:
                asked = Asked(asked.version, asked.is_head, keeps_alive=False)
            exchange.opening = open_answer(piece, asked, date=self._house.date)
            first = exchange.opening.head
        opening = exchange.opening
        body = piece.body if opening.has_body else b""
        exchange.sent += len(body)
        exchange.is_made = piece.is_last
        self._transport.write(first + (framed(body, is_last=piece.is_last) if opening.in_chunks else body))
        self._go_on(exchange)

    def _go_on(self, exchange: _Exchange) -> None:
        """Do what follows what was written, once its reader has made room."""
        if self._is_full:
            exchange.awaits_reader = True
            self._wait_for_reader()
        elif not exchange.is_made:
            self._step(exchange)
        else:
            self._finish(exchange)

    def _finish(self, exchange: _Exchange) -> None:
        opening = exchange.opening
        self._exchange = None
        is_whole = opening is None or opening.length in (None, exchange.sent)
        if not is_whole:
            # Whoever reads must not take the next answer for the rest of this one.
            self._transport.abort()
        elif opening is None or not opening.keeps_alive:
            self._end()
        else:
            self._house.touch(self)
            self._begin_next()

    def _end(self) -> None:
        """Close; go on listening for a while to somebody who may still be sending, or the answer is lost."""
        self._go_deaf()
        self._queue.clear()
        self._wait_for_reader()
        if self._is_leaving or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._resume()

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer with `status` in its turn, and read nothing any more."""
        if self._is_deaf:
            return
        self._go_deaf()
        self._queue.append((Asked("1.1", is_head=False, keeps_alive=False), status))
        self._begin_next()

    def _go_deaf(self) -> None:
        """Read nothing any more; of what is half here nothing is kept."""
        self._is_deaf = True
        if self._incoming is not None:
            self._release_place(self._incoming)
            self._incoming.drop()
            self._incoming = None

    def _release_place(self, incoming: Incoming) -> None:
        if incoming.large_of is not None:
            self._house.release_large(incoming.large_of)
            incoming.large_of = None

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def _wait_for_reader(self) -> None:
        """Give whoever reads the time for some of what waits, or to hear that there is no more."""
        limits, self._unsent = self._house.limits, self._transport.get_write_buffer_size()
        self._wait_for(limits.write_seconds if self._unsent else limits.linger_seconds)

    def _wait_for(self, seconds: float) -> None:
        self.deadline = self._house.now() + seconds
