"""Processes of one machine that are kept running: started, told to end, and started again when they die."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from multiprocessing.process import parent_process
from types import FrameType
from typing import Any

#: Pauses before one that died is started again: doubled each time, until one lived for LONGEST_PAUSE.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: How often they are looked after, in seconds.
LOOK_EVERY = 0.2

_log = logging.getLogger(__name__)


class Seat:
    """The place of one process: who holds it, and when the next one may."""

    def __init__(self, name: str, work: Callable[..., object], *arguments: Any) -> None:
        """Prepare a place; `work` is found by its name in the new process, and `arguments` are copied to it."""
        self._name, self._work, self._arguments = name, work, arguments
        self._process: SpawnProcess | None = None
        self._began_at = self._start_at = 0.0
        self._pause = FIRST_PAUSE

    def look(self) -> None:
        """Start a process when there is none and the pause after the last one's death is over."""
        now = time.monotonic()
        if self._process is not None and not self._process.is_alive():
            self._clear(self._process, now)
        if self._process is None and now >= self._start_at:
            context = multiprocessing.get_context("spawn")
            # In a process of its own and not forked: threads, connections and random numbers are not shared.
            self._process = context.Process(target=self._work, args=self._arguments, name=self._name)
            self._process.start()
            self._began_at = now

    def tell_to_end(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def wait_until(self, deadline: float) -> None:
        """Return when the process has ended; at the deadline (monotonic seconds) it is killed."""
        if self._process is None:
            return
        self._process.join(max(0.0, deadline - time.monotonic()))
        if self._process.is_alive():
            _log.error("%s does not end and is killed", self._process.name)
            self._process.kill()
            self._process.join()

    def _clear(self, dead: SpawnProcess, now: float) -> None:
        lived = now - self._began_at
        self._pause = FIRST_PAUSE if lived >= LONGEST_PAUSE else min(self._pause * 2, LONGEST_PAUSE)
        self._start_at = now + self._pause
        _log.error("%s ended with code %s; another starts in %s seconds", dead.name, dead.exitcode, self._pause)
        dead.close()
        self._process = None


def keep_seats(seats: Sequence[Seat], *, end_seconds: float) -> None:
    """Keep every place taken until SIGTERM or Ctrl-C; then end them all, within so many seconds."""
    with _signals() as told:
        try:
            while not told:
                for seat in seats:
                    seat.look()
                time.sleep(LOOK_EVERY)
        finally:
            _end(seats, end_seconds)


def is_orphan() -> bool:
    """Say, in one of the processes, whether whoever keeps it is gone."""
    keeper = parent_process()
    return keeper is not None and not keeper.is_alive()


def _end(seats: Sequence[Seat], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for seat in seats:
        seat.tell_to_end()
    for seat in seats:
        seat.wait_until(deadline)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Yield a list to which SIGTERM and Ctrl-C append themselves, in place of what they did before."""
    told: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
