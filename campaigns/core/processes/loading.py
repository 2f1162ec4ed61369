"""Modules that are imported by the hundred: nothing of them is garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
