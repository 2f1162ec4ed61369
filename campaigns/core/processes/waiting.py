"""A wait ends by itself when what is waited for does not come, such as being told to stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def rest(event: asyncio.Event, seconds: float) -> None:
    """Return as soon as `event` is set, and after `seconds` at the latest."""
    # `asyncio.wait_for` would make a task for each wait.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
