"""Turns at the hashing of passwords: a few at once in a process, a few more wait, and the rest is told to.

A hash takes 64 MB and most of a processor. Whoever is signed in, or signed in before from the same device, has
turns of their own: a flood of strangers holds up strangers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from campaigns.core.errors import BusyError
from campaigns.core.words import N_

#: How many wait at most for a turn, and how long, in seconds. Of the threads that answer requests (64 in a
#: process) some stay free for everything else.
MOST_WAITING, LONGEST_WAIT = 20, 4.0


class Turns:
    """`at_once` have a turn together; the next ones wait, and those after them are refused."""

    def __init__(self, at_once: int) -> None:
        self._turns = BoundedSemaphore(at_once)
        self._places = BoundedSemaphore(at_once + MOST_WAITING)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Keep a place among those who wait, for the block. Raises BusyError at once when there is none."""
        if not self._places.acquire(blocking=False):
            raise _busy()
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, in a place, and keep it for the block. Raises BusyError when it does not come."""
        if not self._turns.acquire(timeout=LONGEST_WAIT):
            raise _busy()
        try:
            yield
        finally:
            self._turns.release()


#: Those of this process: of strangers, and of those whom it knows.
STRANGERS, KNOWN = Turns(2), Turns(1)


def _busy() -> BusyError:
    return BusyError(N_("Many people sign in at this moment. Wait a few seconds and try again."))
