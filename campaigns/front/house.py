"""One process has its part of the front here: connections, threads, and what looks after their deadlines."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol, cast

from campaigns.front.line import Line
from campaigns.front.mailbox import Mailbox
from campaigns.front.peer_limits import BodyLimit, Limits, usual_body
from campaigns.front.peers import Guest, Peers, peer_behind
from campaigns.front.steps import Application, Piece, Work
from campaigns.front.wording import refusal

#: How often deadlines are looked at, in seconds.
LOOK_EVERY = 0.5
#: The kernel keeps at most this number of connections that nobody has taken in yet.
BACKLOG = 2_048

_log = logging.getLogger(__name__)

#: Called on the loop with what was made, or None when that failed.
Then = Callable[[Piece | None], object]


class Quick(Protocol):
    """An application that answers some requests by itself, without a thread that waits."""

    def begin(self, environ: dict[str, Any], answer: Callable[[Piece], object]) -> bool:
        """Say whether `answer` will be called, once and in any thread; it must not block."""


class Visitor(Guest, Protocol):
    """A connection, as far as the house knows it."""

    #: Whom it is from.
    peer: str
    #: When it has been waited for long enough, by `House.now`.
    deadline: float

    def expire(self) -> None:
        """Do what is done when the deadline is over."""

    def leave(self) -> None:
        """Finish what is being answered, and go."""

    def close(self) -> None:
        """Go at once."""


class House:
    """Takes in connections and has their requests answered by `application`."""

    def __init__(
        self,
        application: Application,
        *,
        limits: Limits | None = None,
        body_limit: BodyLimit = usual_body,
        proxies: int = 0,
    ) -> None:
        """Prepare, on the running loop. What `application` offers as `begin` is asked first.

        The number of `proxies` in front is given: it is believed for whom they ask.
        """
        self.application, self.body_limit = application, body_limit
        self.limits, self._proxies = limits or Limits(), proxies
        loop = asyncio.get_running_loop()
        self.now = loop.time
        self.mailbox = Mailbox(loop)
        self.date = formatdate(usegmt=True)
        self._quick = cast("Quick | None", application if hasattr(application, "begin") else None)
        self._peers: Peers[Visitor] = Peers(self.limits.connections, self.limits.per_peer)
        self._threads = ThreadPoolExecutor(self.limits.threads, "request")
        #: Steps that are being made, and that wait for a thread.
        self._steps = 0
        self._line: Line[tuple[Work, Then]] = Line(self.limits.waiting)
        self._large: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._place: socket.socket | None = None
        self._is_closing = False

    async def open(self, place: socket.socket, connection: Callable[[House], asyncio.BaseProtocol]) -> None:
        """Take in whoever comes to a bound socket, each as a `connection` of this house."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: connection(self), sock=place, backlog=BACKLOG)
        self._place = place

    async def look_after(self, stopping: asyncio.Event) -> None:
        """Keep deadlines until told to stop; stop when nobody can come in any more, so that another takes over."""
        while not stopping.is_set():
            self.date = formatdate(usegmt=True)
            now = self.now()
            for connection in self._peers.all():
                if connection.deadline <= now:
                    connection.expire()
            if self._place is not None and self._place.fileno() < 0:
                # The loop gives up listening after an error of the system that it does not know.
                _log.error("this process takes nobody in any more, and ends")
                stopping.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_EVERY)

    async def close(self, seconds: float) -> None:
        """Take in nobody any more, and finish what is being answered within `seconds`."""
        self._is_closing = True
        if self._server is not None:
            self._server.close()
        for connection in self._peers.all():
            connection.leave()
        until = self.now() + seconds
        while (self._steps or len(self._line) or len(self._peers)) and self.now() < until:
            await asyncio.sleep(0.02)
        for connection in self._peers.all():
            connection.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # What a connection asks.

    def enter(self, connection: Visitor) -> None:
        """Take in a connection, for which another one may have to go."""
        leaving = self._peers.enter(connection.peer, connection)
        if leaving is not None:
            leaving.close()
        if self._is_closing:
            # The kernel had taken it in before.
            connection.leave()

    def leave(self, connection: Visitor) -> None:
        """Forget a connection."""
        self._peers.leave(connection.peer, connection)

    def touch(self, connection: Visitor) -> None:
        """Note that a connection was busy until now."""
        self._peers.touch(connection.peer, connection)

    def answer_at_once(self, environ: dict[str, Any], answer: Callable[[Piece], object]) -> bool:
        """Say whether the application answers this without a thread."""
        if self._quick is None:
            return False
        try:
            return self._quick.begin(environ, answer)
        except Exception:
            _log.exception("a request failed before every page")
            answer(_FAILED)
            return True

    def peer_of(self, environ: dict[str, Any], near: str) -> str:
        """Return who asks, as the proxies that are trusted say it; who is connected where there are none."""
        return peer_behind(environ.get("HTTP_X_FORWARDED_FOR", ""), self._proxies) or near

    def work(self, work: Work, then: Then, *, peer: str) -> None:
        """Have a step made in a thread at the turn of this peer; of a crowd somebody is sent away for it."""
        away = self._line.enter(peer, (work, then), goes_first=work.has_begun)
        self._fill()
        if away is not None:
            refused, tell = away
            self.close_work(refused)
            tell(None if refused.has_begun else refusal(HTTPStatus.SERVICE_UNAVAILABLE))

    def close_work(self, work: Work) -> None:
        """Let the application of a request that nobody waits for give back what it holds."""
        self._submit(work.close)

    def take_large(self, peer: str) -> bool:
        """Say whether one more large body may come, from this peer."""
        if self._large.total() >= self.limits.large_bodies or self._large[peer] >= self.limits.large_per_peer:
            return False
        self._large[peer] += 1
        return True

    def release_large(self, peer: str) -> None:
        """Note that a large body is here, or will not come."""
        self._large[peer] -= 1
        if self._large[peer] <= 0:
            del self._large[peer]

    def run(self, call: Callable[[], object]) -> asyncio.Future[object]:
        """Do something in one of the threads that make answers: it is done when answers are."""
        return asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _fill(self) -> None:
        while self._steps < self.limits.threads and len(self._line):
            self._steps += 1
            self._submit(self._make, *self._line.take())

    def _submit(self, call: Callable[..., object], *arguments: Any) -> None:
        # After the end there are no threads any more, and what they would give back goes with the process.
        with suppress(RuntimeError):
            self._threads.submit(call, *arguments)

    def _make(self, work: Work, then: Then) -> None:
        piece = None
        try:
            piece = work.step()
        finally:
            self.mailbox.post(self._made, then, piece)

    def _made(self, then: Then, piece: Piece | None) -> None:
        self._steps -= 1
        self._fill()
        then(piece)


_FAILED = Piece(b"", True, "500 Internal Server Error", (("Cache-Control", "no-store"),))
