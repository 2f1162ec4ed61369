"""A campaign with its receipts coming in while it is sent: from the first claim to the last receipt merged.

`fingerpost worker` sends and merges, `fingerpost serve`, a process a core, takes the receipts at the door, and
`bench.bare_provider` reports on each message three times as soon as it has taken it. All of them share the cores
with the database. At the end nothing may be missing: every message was accepted once, all its receipts were
answered when they were on disk, and each delivery says what the provider said last. `cpu_seconds` tells what each
took of the cores, that of the stand-in and of starting the worker among them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bench.bare_provider import CallingProvider
from bench.harness import measures_each, note
from bench.processes import cpu_seconds
from bench.stage_instance import stage_instance
from bench.stages import resident_peak_megabytes
from bench.told import RECEIPTS_EACH
from campaigns.core.database import make_sessions
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.states import ReceiptState
from campaigns.demo.processes import Processes
from campaigns.planning.models import Run, RunState
from tests.delivery.serving import free_port
from tests.sandbox.process import SandboxProcess

#: Between two looks how far it is, in seconds: the provider is asked, and the database only in the end.
LOOK_EVERY = 0.2
#: Messages a second below which nothing gets on any more, and what a small campaign may take besides, in seconds.
SLOWEST, PATIENCE_SECONDS = 200, 120
BEFORE = ("prepare", "import", "plan")


@dataclass(frozen=True, slots=True)
class Parts:
    """The processes of an instance whose run is planned, and the provider's."""

    provider: SandboxProcess
    processes: Processes
    sessions: sessionmaker[Session]
    worker: int
    front: int
    #: What the front had taken of the processors when it began to listen, in seconds.
    front_cpu: float


def measure_whole(kind: str, people: int) -> dict[str, Any]:
    """Return the figures of one database."""
    with ExitStack() as stack:
        provider = stack.enter_context(CallingProvider())
        ports = {name: str(free_port()) for name in ("port", "hooks_port")}
        hooks_url = f"http://127.0.0.1:{ports['hooks_port']}"
        own = {"host": "127.0.0.1", "starts_sandbox": "false", "hooks_url": hooks_url, **ports}
        instance = stack.enter_context(stage_instance(kind, people, provider_url=provider.url, **own))
        for name in BEFORE:
            instance.do(name)
        processes = stack.enter_context(Processes(instance.environment, instance.folder / "logs"))
        front = processes.start("front", "serve", "--processes", str(os.cpu_count() or 1))
        processes.wait_for(f"{hooks_url}/health")
        began = cpu_seconds(front)
        worker = processes.start("worker", "worker")
        parts = Parts(provider, processes, make_sessions(instance.database), worker, front, began)
        found = _watch(parts, people)
    note(f"{kind} {people:,}: the whole with receipts {found}")
    return found


def _watch(parts: Parts, people: int) -> dict[str, Any]:
    """Wait for the end and return the figures, when nothing is missing."""
    receipts = people * RECEIPTS_EACH
    sent_at = _wait(parts, lambda: parts.provider.invariants()["accepted"] >= people, people)
    told_at = _wait(parts, lambda: parts.provider.invariants()["answered"] >= receipts, people)
    merged_at = _wait(parts, lambda: not _waits(parts.sessions), people)
    _wait(parts, lambda: _is_done(parts.sessions), people)
    with parts.sessions() as session:
        began_at = session.scalars(select(func.min(Delivery.intent_at))).one()
    assert began_at is not None
    merged = check(parts, people)
    seconds = {
        name: round((ended_at - began_at).total_seconds(), 2)
        for name, ended_at in (("sent", sent_at), ("told", told_at), ("seconds", merged_at))
    }
    return {
        "people": people,
        "accepted": parts.provider.invariants()["accepted"],
        "receipts": receipts,
        "messages_told_of": merged,
        "seconds": seconds["seconds"],
        "messages_per_second": round(people / seconds["seconds"]),
        "receipts_per_second": round(receipts / seconds["seconds"]),
        "sent_after_seconds": seconds["sent"],
        "told_after_seconds": seconds["told"],
        "told_again": parts.provider.invariants()["refused"],
        "cpu_seconds": {
            "worker": round(cpu_seconds(parts.worker), 1),
            "front": round(cpu_seconds(parts.front) - parts.front_cpu, 1),
            "provider": round(cpu_seconds(parts.provider.process.pid), 1),
        },
        "peak_mb": {
            "worker": resident_peak_megabytes(parts.worker),
            "provider": resident_peak_megabytes(parts.provider.process.pid),
        },
    }


def check(parts: Parts, people: int) -> int:
    """Hold what the instance says against what the provider knows: nothing is lost, and nothing doubled.

    Return of how many messages the instance was told their last word.
    """
    said = parts.provider.invariants()
    assert (said["accepted"], said["intents"]) == (people, people), said
    assert said["answered"] == people * RECEIPTS_EACH, said
    with parts.sessions() as session:
        counted = select(Delivery.receipt_state, func.count()).group_by(Delivery.receipt_state)
        states = dict(session.execute(counted).all())
    expected = {ReceiptState.DELIVERED: people - said["lost"], ReceiptState.UNDELIVERED: said["lost"]}
    assert states == {state: count for state, count in expected.items() if count}, (states, said)
    return sum(states.values())


def _wait(parts: Parts, until: Callable[[], bool], people: int) -> datetime:
    """Return when `until()` is true; fail when that takes too long or a process has ended."""
    deadline = time.monotonic() + people / SLOWEST + PATIENCE_SECONDS
    while not until():
        parts.processes.check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"The campaign does not get on: {parts.provider.invariants()}")
        time.sleep(LOOK_EVERY)
    return datetime.now(UTC)


def _waits(sessions: sessionmaker[Session]) -> bool:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return bool(session.scalar(select(select(Receipt.id).where(Receipt.applied_at.is_(None)).exists())))


def _is_done(sessions: sessionmaker[Session]) -> bool:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        return session.scalars(select(Run.state)).one() == RunState.DONE


@click.command()
@click.option("--people", default=100_000, show_default=True)
@measures_each
def main(kind: str, people: int) -> dict[str, Any]:
    """Send a campaign while its receipts come in: seconds from the first claim to the last receipt merged."""
    return measure_whole(kind, people)


if __name__ == "__main__":
    main()
