"""Runs the real engine on a test's database with a provider in memory."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.threads import in_thread
from campaigns.delivery.engine.engine import Engine, Surroundings
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Gateway

#: Longest a test lets the engine work, in seconds.
PATIENCE = 30.0
BUSY = (SendState.QUEUED, SendState.SENDING)

Watch = Callable[[], Awaitable[None]]


def drive(
    sessions: sessionmaker[Session],
    vault: Vault,
    gateway: Gateway | Callable[[SenderFacts], Gateway],
    *,
    until: Callable[[], bool],
    window: int = 16,
    meanwhile: Watch | None = None,
    patience: float = PATIENCE,
    store: DatabaseStore | None = None,
) -> None:
    """Let the engine send until `until()` says so; fail when it takes too long."""
    store = store or DatabaseStore(sessions, vault)
    asyncio.run(_drive(store, gateway, until, window, meanwhile, patience))


def settled(sessions: sessionmaker[Session], run_id: int) -> Callable[[], bool]:
    """Return whether nothing of a run is queued or on its way."""

    def look() -> bool:
        with sessions() as session:
            progress = progress_of(session, run_id)
        return not any(progress.get(state) for state in BUSY)

    return look


async def _drive(
    store: DatabaseStore,
    gateway: Gateway | Callable[[SenderFacts], Gateway],
    until: Callable[[], bool],
    window: int,
    meanwhile: Watch | None,
    patience: float,
) -> None:
    with ThreadPoolExecutor(1) as database, ThreadPoolExecutor(1) as watch:
        surroundings = Surroundings(
            store=store,
            database=in_thread(database),
            watch=in_thread(watch),
            open_gateway=lambda sender: gateway(sender) if callable(gateway) else gateway,
            callback_base=lambda kind: "http://127.0.0.1:9/hooks/memory/status?m=",
            chance=random.Random(1).random,
        )
        engine, stopping = Engine(surroundings, window=window), asyncio.Event()
        task = asyncio.create_task(engine.run(stopping))
        extra = asyncio.ensure_future(meanwhile()) if meanwhile else None
        try:
            async with asyncio.timeout(patience):
                while not await asyncio.to_thread(until):
                    if task.done():
                        task.result()
                    await asyncio.sleep(0.05)
                if extra is not None:
                    await extra
        finally:
            stopping.set()
            await task
