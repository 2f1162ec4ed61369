"""A worker keeps the sandbox of its instance running beside it, so that rehearsals need no further command."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from campaigns.core.processes.seats import Seat, is_orphan
from campaigns.core.settings import Settings

#: Between two looks whether it lives, and whether whoever started it does, in seconds.
LOOK_EVERY = 0.5
#: It has nothing to finish: nobody real waits for it.
END_SECONDS = 2.0


@contextmanager
def sandbox_beside(settings: Settings) -> Iterator[None]:
    """Keep a sandbox running until the block ends, if the settings say so and nothing listens at its place."""
    if not settings.starts_sandbox:
        yield
        return
    seat, ended = Seat("sandbox", _be_sandbox, settings), threading.Event()
    keeper = threading.Thread(target=_keep, args=(seat, settings.sandbox_url, ended), name="sandbox", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        seat.tell_to_end()
        seat.wait_until(time.monotonic() + END_SECONDS)


def _keep(seat: Seat, url: str, ended: threading.Event) -> None:
    while not ended.is_set():
        # Somebody else may have started one, with options of their own.
        if seat.is_taken or not _is_listening(url):
            seat.look()
        ended.wait(LOOK_EVERY)


def _is_listening(url: str) -> bool:
    place = urlsplit(url)
    try:
        socket.create_connection((place.hostname or "", place.port or 80), 1).close()
    except OSError:
        return False
    return True


def _be_sandbox(settings: Settings) -> None:
    """Be the sandbox, until told to end or until the worker is gone."""
    from campaigns.sandbox.server import run
    from campaigns.sandbox_defaults import sandbox_defaults

    # Ctrl-C reaches the whole group of processes: the worker ends this one when it has ended what it does.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_keeper, daemon=True).start()
    run(sandbox_defaults(settings))


def _end_with_keeper() -> None:
    while not is_orphan():
        time.sleep(LOOK_EVERY)
    os._exit(0)
