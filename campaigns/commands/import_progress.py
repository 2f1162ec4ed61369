"""An operator sees on standard error how far a long import is, how fast it goes, and how long it has to go."""

from __future__ import annotations

import time
from collections.abc import Callable

#: So often in seconds; whatever is done sooner tells nothing.
EVERY_SECONDS = 5.0


class Progress:
    """Tells of one import; it is called with what was done, with how many rows, and with which share of all."""

    def __init__(self, say: Callable[[str], object], seconds: Callable[[], float] = time.monotonic) -> None:
        self._say, self._seconds = say, seconds
        self._began = self._heard = self._told = seconds()
        self._doing = ""

    def __call__(self, doing: str, rows: int, share: float) -> None:
        """Say how far it is, unless that was said just now."""
        now = self._seconds()
        if self._doing and doing != self._doing:
            self._began = self._heard
        self._doing, self._heard = doing, now
        if now - self._told < EVERY_SECONDS or not share:
            return
        self._told, took = now, now - self._began
        left = took / share - took
        self._say(f"{doing}: {rows:,} rows, {rows / took:,.0f} a second, {left:,.0f} seconds left")
