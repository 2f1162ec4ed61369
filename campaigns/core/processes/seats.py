"""Processes of one machine are kept running: started, told to end, and started again when they die."""

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
#: One that told once that it lives, and then has not for this number of seconds, is stuck.
STUCK_AFTER = 30.0

_log = logging.getLogger(__name__)
#: In one of the processes: where it tells that it lives.
_own_beat: list[Any] = []


class Seat:
    """The place of one process: who holds it, and when the next one may."""

    def __init__(self, name: str, work: Callable[..., object], *arguments: Any) -> None:
        """Prepare a place; `work` is found by its name in the new process, and `arguments` are copied to it."""
        self._name, self._work, self._arguments = name, work, arguments
        self._process: SpawnProcess | None = None
        #: When it last told that it lives; 0 for one that did not yet, and may never.
        self._beat: Any = None
        self._began_at = self._start_at = self._looked_at = 0.0
        self._pause = FIRST_PAUSE

    @property
    def is_taken(self) -> bool:
        """Say whether a process was started here that was not seen to have ended."""
        return self._process is not None

    def look(self) -> None:
        """End a process that is stuck; start one when there is none and the pause after the last one is over."""
        now = time.monotonic()
        if now - self._looked_at > STUCK_AFTER / 2 and self._beat is not None and self._beat.value > 0:
            # We stood still ourselves, and it with us perhaps: a machine or container was frozen.
            self._beat.value = now
        self._looked_at = now
        if self._process is not None and not self._process.is_alive():
            self._clear(self._process, now)
        elif self._process is not None and 0 < self._beat.value < now - STUCK_AFTER:
            _log.error("%s is stuck and is killed", self._name)
            self._beat.value = 0.0
            self._process.kill()
        if self._process is None and now >= self._start_at:
            try:
                self._start(now)
            except OSError as error:
                # Others of this machine may have all its memory or files now.
                self._put_off(now, lived=0.0)
                _log.error(
                    "%s cannot be started: %s; it is tried again in %s seconds", self._name, error, self._pause
                )

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

    def _start(self, now: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._beat = context.RawValue("d", 0.0)
        # In a process of its own and not forked: threads, connections and random numbers are not shared.
        arguments = (self._beat, self._work, *self._arguments)
        process = context.Process(target=_hold, args=arguments, name=self._name)
        process.start()
        self._process, self._began_at = process, now

    def _put_off(self, now: float, *, lived: float) -> None:
        self._pause = FIRST_PAUSE if lived >= LONGEST_PAUSE else min(self._pause * 2, LONGEST_PAUSE)
        self._start_at = now + self._pause

    def _clear(self, dead: SpawnProcess, now: float) -> None:
        self._put_off(now, lived=now - self._began_at)
        _log.error("%s ended with code %s; another starts in %s seconds", dead.name, dead.exitcode, self._pause)
        dead.close()
        self._process = None


def keep_seats(seats: Sequence[Seat], *, end_seconds: float) -> None:
    """Keep every place taken until SIGTERM or Ctrl-C; then end them all, within `end_seconds`."""
    with _signals() as told:
        try:
            while not told:
                for seat in seats:
                    seat.look()
                time.sleep(LOOK_EVERY)
        finally:
            _end(seats, end_seconds)


def give_beat() -> None:
    """Say, in one of the processes, that it is not stuck; who said so once has to go on saying it."""
    for beat in _own_beat:
        beat.value = time.monotonic()


def is_orphan() -> bool:
    """Say, in one of the processes, whether whoever keeps it is gone."""
    keeper = parent_process()
    return keeper is not None and not keeper.is_alive()


def _hold(beat: Any, work: Callable[..., object], *arguments: Any) -> None:
    """Be one of the processes."""
    _own_beat.append(beat)
    work(*arguments)


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
