"""A slow line to a server: every request and every new connection waits a round trip, and answers trickle."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Lock, Thread
from urllib.parse import urlsplit

#: Bytes that are handed on at once; small beside what a slow line carries in a second.
PIECE = 512


@dataclass
class Line:
    """What the line is like now; it may change at any time."""

    #: Seconds.
    round_trip: float = 0.0
    #: 0: as many as there are.
    bits_per_second: int = 0
    _lock: Lock = field(default_factory=Lock)

    def ask(self, there: socket.socket, back: socket.socket) -> None:
        """Hand on what a browser asks."""
        is_new = True
        while asked := there.recv(65_536):
            time.sleep(self.round_trip * (2 if is_new else 1))
            is_new = False
            back.sendall(asked)

    def answer(self, there: socket.socket, back: socket.socket) -> None:
        """Hand on what a server answers; all connections share the line."""
        while told := there.recv(PIECE):
            if self.bits_per_second:
                with self._lock:
                    time.sleep(8 * len(told) / self.bits_per_second)
            back.sendall(told)


@contextmanager
def slow_line(address: str, line: Line) -> Iterator[str]:
    """Yield the address under which a server is found over the line."""
    beyond = urlsplit(address)
    with socket.create_server(("127.0.0.1", 0)) as door:
        taking = Thread(target=_take_in, args=(door, (beyond.hostname, beyond.port), line))
        taking.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)
        taking.join()


def _take_in(door: socket.socket, beyond: tuple[str, int], line: Line) -> None:
    calls: list[Thread] = []
    with suppress(OSError):
        while True:
            browser, _ = door.accept()
            calls.append(Thread(target=_connect, args=(browser, beyond, line)))
            calls[-1].start()
    for call in calls:
        call.join()


def _connect(browser: socket.socket, beyond: tuple[str, int], line: Line) -> None:
    with browser, socket.create_connection(beyond) as server:
        asking = Thread(target=_carry, args=(line.ask, browser, server))
        asking.start()
        _carry(line.answer, server, browser)
        asking.join()


def _carry(
    carry: Callable[[socket.socket, socket.socket], None], one: socket.socket, other: socket.socket
) -> None:
    with suppress(OSError):
        carry(one, other)
    for end in (one, other):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
