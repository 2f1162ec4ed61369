"""Callers that have nothing to do sleep here; one that goes on wakes the next."""

from __future__ import annotations

import asyncio
from collections import deque


class Waiters:
    """Lets callers sleep one by one, and not on a common lock or event.

    A crowd that wakes for one delivery, or wakes in single file for many, costs more than the calls.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parked: deque[asyncio.Future[None]] = deque()
        #: The timer that wakes the first of them.
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def is_used(self) -> bool:
        """Whether anybody sleeps here."""
        return bool(self._parked)

    async def park(self, wait: float | None) -> None:
        """Sleep until woken, or until `wait` seconds have passed and nobody who came before wants to go first."""
        if wait is not None:
            self._set_alarm(wait)
        sleeper = self._loop.create_future()
        self._parked.append(sleeper)
        await sleeper

    def wake(self, count: int) -> None:
        """Wake `count` callers."""
        while count and self._parked:
            sleeper = self._parked.popleft()
            if not sleeper.done():
                sleeper.set_result(None)
                count -= 1

    def wake_all(self) -> None:
        """Wake everybody."""
        self.wake(len(self._parked))

    def call_next(self, wait: float | None) -> None:
        """See that a caller goes on in `wait` seconds, when there is more to do; None: only news can tell."""
        if wait == 0:
            self.wake(1)
        elif wait is not None:
            self._set_alarm(wait)

    def _set_alarm(self, wait: float) -> None:
        if self._alarm is None:
            self._alarm = self._loop.call_later(wait, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.wake(1)
