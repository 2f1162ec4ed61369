"""A pause between two rounds of work that ends at once when the process is told to stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def rest(stopping: asyncio.Event, seconds: float) -> None:
    """Return after so many seconds, or as soon as `stopping` is set."""
    # `asyncio.wait_for` would make a task for each pause.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
