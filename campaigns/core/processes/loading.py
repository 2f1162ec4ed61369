"""Modules are imported by the hundred, and nothing of them is garbage, nor much of what a process makes later."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: From how many new objects on the youngest are looked through for garbage, after how many of these looks those
#: that survived one, and after how many of those all others: where requests are answered, so that no look is long.
SERVING = (10_000, 5, 200)


@contextmanager
def loading() -> Iterator[None]:
    """Let nobody look for garbage while modules are imported: that takes a sixth of the time of a start.

    What was loaded is not looked at later either. A failed import leaves the collector as it was.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def collect_rarely(thresholds: tuple[int, int, int]) -> None:
    """Look for garbage less often from now on, and never at what is there already.

    A process calls it when it is ready to work. What it makes then lives shortly and has next to no cycles, while
    what it is made of is many times as much: with Python's defaults one request in some hundred waits until all of
    that was looked through.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds)
