"""Between two chunks of a long work, whoever waits to write on SQLite gets a turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Longest pause between two chunks on SQLite, in seconds. Its writers wait for one another by looking again every
#: 0.1 s at most, so without a pause a stop would be committed, or a claim made, only after the last chunk.
SQLITE_TURN_SECONDS = 0.15


def taking_turns(stopping: threading.Event, *, seconds: float) -> Callable[[], bool]:
    """Return a function to ask before each chunk: it gives others a turn, and says whether to go on.

    A turn is as long as the chunk before it was, and at most `seconds`; it ends at once when `stopping` is set.
    """
    went_on_at = time.monotonic()

    def may_go_on() -> bool:
        nonlocal went_on_at
        took = time.monotonic() - went_on_at
        is_over = stopping.wait(min(took, seconds))
        went_on_at = time.monotonic()
        return not is_over

    return may_go_on
