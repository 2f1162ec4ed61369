"""A pause ends by itself, or when the process is told to stop."""

from __future__ import annotations

import asyncio

from campaigns.core.processes.waiting import rest


async def _rest_until(stopping: asyncio.Event, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await rest(stopping, seconds)
    return loop.time() - began


def test_pause_ends_by_itself() -> None:
    assert asyncio.run(_rest_until(asyncio.Event(), 0.05)) >= 0.04


def test_pause_ends_when_told_to_stop() -> None:
    async def stopped() -> float:
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stopping.set)
        return await _rest_until(stopping, 60)

    assert asyncio.run(stopped()) < 30


def test_who_is_told_already_does_not_wait() -> None:
    async def told() -> float:
        stopping = asyncio.Event()
        stopping.set()
        return await _rest_until(stopping, 60)

    assert asyncio.run(told()) < 30
