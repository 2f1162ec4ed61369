"""Several workers on one machine, one process each: started, told to end, and started again when they die."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from multiprocessing.process import parent_process
from types import FrameType

from sqlalchemy import make_url

from campaigns.core.database import make_worker_engine
from campaigns.core.errors import SettingsError, UnavailableError
from campaigns.core.logging import configure_logging
from campaigns.core.settings import Settings
from campaigns.worker import Worker, run_worker

#: A worker ends within 15 seconds of SIGTERM; one that has not by then is killed, in seconds.
KILL_SECONDS = 14.5
#: Pauses before a worker that died is started again: doubled each time, until one lived for LONGEST_PAUSE.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: How often the workers are looked after, in seconds.
LOOK_EVERY = 0.2

_log = logging.getLogger(__name__)


def supervise(settings: Settings, processes: int) -> None:
    """Keep so many workers running until SIGTERM or Ctrl-C; then end them all, within 15 seconds.

    Raises SettingsError when the settings do not allow several workers, or not even one.
    """
    check(settings, processes)
    seats = [_Seat(settings, number) for number in range(1, processes + 1)]
    with _signals() as told:
        try:
            while not told:
                for seat in seats:
                    seat.look()
                time.sleep(LOOK_EVERY)
        finally:
            _end(seats)


def check(settings: Settings, processes: int) -> None:
    """Raise SettingsError when so many workers cannot run with these settings."""
    if processes > 1 and make_url(settings.database_url).get_backend_name() == "sqlite":
        raise SettingsError(
            "On SQLite one process writes at a time, so a second worker would only wait for the first: "
            "leave --processes at 1, or set database_url to PostgreSQL."
        )
    # What one would refuse is said once, and not by each again and again.
    database = make_worker_engine(settings.database_url)
    try:
        Worker(settings, database)
    finally:
        database.dispose()


class _Seat:
    """The place of one worker: the process that holds it, and when the next one may."""

    def __init__(self, settings: Settings, number: int) -> None:
        self._settings, self._number = settings, number
        self._process: SpawnProcess | None = None
        self._began_at = self._start_at = 0.0
        self._pause = FIRST_PAUSE

    def look(self) -> None:
        """Start a worker when there is none and the pause after the last one's death is over."""
        now = time.monotonic()
        if self._process is not None and not self._process.is_alive():
            self._clear(self._process, now)
        if self._process is None and now >= self._start_at:
            context = multiprocessing.get_context("spawn")
            # In a process of its own and not forked: threads, connections and random numbers are not shared.
            self._process = context.Process(target=_work, args=(self._settings,), name=f"worker {self._number}")
            self._process.start()
            self._began_at = now

    def tell_to_end(self) -> None:
        """Send SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def wait_until(self, deadline: float) -> None:
        """Return when the worker has ended; at the deadline (monotonic seconds) it is killed."""
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


def _work(settings: Settings) -> None:
    """Be one of the workers, until told to end or until the supervisor is gone."""
    configure_logging(settings.log_level)
    try:
        run_worker(settings, until=_is_orphan)
    except (SettingsError, UnavailableError) as error:
        # It may be mended meanwhile, by an upgrade of this program for example: the next one looks again.
        _log.error("%s", error)
        raise SystemExit(2) from None


def _is_orphan() -> bool:
    supervisor = parent_process()
    return supervisor is not None and not supervisor.is_alive()


def _end(seats: list[_Seat]) -> None:
    deadline = time.monotonic() + KILL_SECONDS
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
