"""Lanes on a store in memory, and their parts on a loop whose time stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from campaigns.audience.models import Channel
from campaigns.core import clock
from campaigns.delivery.engine.fence import Fence
from campaigns.delivery.engine.lane import Lane
from campaigns.delivery.engine.ports import Claimed, RunningRun, Store
from campaigns.delivery.engine.queue.memory_store import MemoryDelivery, MemoryRun, MemoryStore
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.gateways.base import Gateway
from tests.delivery.builders import FAR, TEXT
from tests.factories import NOON

SENDER = SenderFacts(1, "memory", "memory", "+15005550006", 1000.0, Channel.SMS)
HANDLE = "+3806700000"


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop on which it is as late as a test says."""

    now = 0.0

    def time(self) -> float:
        return self.now


def a_claim(number: int = 1, *, run_id: int = 1, intent_at: datetime | None = None, **changes: Any) -> Claimed:
    """Return a claim that was made now."""
    values: dict[str, Any] = {
        "id": number,
        "run_id": run_id,
        "address_id": 50 + number,
        "reference": f"reference{number}",
        "token": "claim 1",
        "attempts": 1,
        "intent_at": intent_at or clock.now(),
        "expires_at": clock.now() + timedelta(hours=1),
        "to": f"{HANDLE}{number:02}",
        "body": TEXT,
        "parts": 1,
    }
    return Claimed(**values | changes)


def a_store(count: int, *, sender: SenderFacts = SENDER) -> MemoryStore[MemoryDelivery]:
    """Return a store with one running run over one sender, with `count` deliveries that are due."""
    store = MemoryStore[MemoryDelivery]([sender])
    run = MemoryRun(1, sender.sender_id, TEXT)
    store.begin(
        run,
        [
            MemoryDelivery(number, run, 50 + number, f"{HANDLE}{number:02}", f"reference{number}", NOON, FAR)
            for number in range(1, count + 1)
        ],
    )
    return store


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run database work where it is asked for: a `Runner` without threads."""
    return function(*arguments)


async def run_lane(
    store: MemoryStore[MemoryDelivery],
    gateway: Gateway,
    *,
    until: Callable[[], bool],
    sender: SenderFacts = SENDER,
    port: Store | None = None,
    has_next: bool = False,
    patience: float = 20.0,
    **changes: Any,
) -> Lane:
    """Let a lane send until `until()` says so, then to its end; `port` is what it has instead of the store."""
    loop = asyncio.get_running_loop()
    fence = Fence(loop.time)
    values: dict[str, Any] = {"window": 4, "callback_base": None, "chance": lambda: 0.5, "fence": fence} | changes
    lane = Lane(sender, gateway, store=port or store, database=at_once, **values)
    task = loop.create_task(lane.run())
    try:
        async with asyncio.timeout(patience):
            while not until():
                if task.done():
                    task.result()
                snapshot = store.snapshot()
                fence.refresh(snapshot, asked_at=loop.time())
                runs = [_with_next(run, has_next) for run in snapshot.runs if run.sender_id == sender.sender_id]
                lane.keep_runs(runs, seen_at=loop.time())
                await asyncio.sleep(0.01)
    finally:
        lane.stop()
        await task
    return lane


def _with_next(run: RunningRun, has_next: bool) -> RunningRun:
    return RunningRun(run.run_id, run.sender_id, run.pace, has_next=has_next, organisation_id=1)
