"""How fast the engine sends: against a bare loop with the same client, window and server that writes nothing.

And against the floor, what a user would write instead: a message, a row and a commit after the other.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any
from uuid import uuid4

import click
import uvloop
from sqlalchemy import Engine as Database
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bench.bare_provider import BareProvider
from bench.harness import fresh_database, measures_each, note, peak_megabytes, summary
from bench.plain_sending import send_plainly
from campaigns.continuity.lifeline import BEAT_SECONDS, Lifeline
from campaigns.core.database import make_sessions, make_worker_engine
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.threads import in_thread
from campaigns.delivery.engine.engine import Engine, Surroundings
from campaigns.delivery.engine.ports import Ask, Found, Result
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Outgoing
from campaigns.gateways.twilio.kind import TwilioSms
from campaigns.planning.models import Sender
from campaigns.worker import tune_interpreter
from tests.delivery.builders import TEXT, a_running_run
from tests.factories import a_sender
from tests.sandbox.process import DEFAULTS, SandboxProcess

WINDOW = 64
SENDER = "FINGERPOST"
#: Where a message is to be reported on, up to its reference: part of every message, and called by nobody here.
CALLBACK = "http://127.0.0.1:9/hooks/twilio/status?m="
#: Parts per second; far above what any machine sends, so that the pace never waits.
NO_LIMIT = 1_000_000.0
#: What takes the messages: one that costs next to nothing, or the one that is as careful as a provider.
PROVIDERS: dict[str, type[SandboxProcess]] = {"bare": BareProvider, "sandbox": SandboxProcess}
#: Messages of the floor in each round: it is slow, and its rate does not depend on how many they are.
FLOOR_PEOPLE = 1000


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds by the clock and of this process's CPU."""

    seconds: float
    cpu: float

    def __add__(self, other: Timed) -> Timed:
        return Timed(self.seconds + other.seconds, self.cpu + other.cpu)


class Stopwatch:
    """Times a block."""

    def __enter__(self) -> Stopwatch:
        self._wall, self._cpu = time.perf_counter(), _cpu_seconds()
        return self

    def __exit__(self, *_: object) -> None:
        self.timed = Timed(time.perf_counter() - self._wall, _cpu_seconds() - self._cpu)


def open_gateway(url: str) -> TwilioSms:
    """Return the gateway that both sides use."""
    return TwilioSms(DEFAULTS.account_sid, DEFAULTS.auth_token, base_url=url, connections=WINDOW)


async def send_bare(url: str, people: int) -> Timed:
    """Send `people` messages with the window full, and keep nothing."""
    gateway = open_gateway(url)
    references = (uuid4().hex for _ in range(people))
    messages: Iterator[Outgoing] = (
        Outgoing(reference, f"+38067{number:07}", TEXT, SENDER, CALLBACK + reference, 3600)
        for number, reference in enumerate(references)
    )

    async def caller() -> None:
        for message in messages:
            await gateway.send(message)

    with Stopwatch() as watch:
        await asyncio.gather(*(caller() for _ in range(WINDOW)))
    await gateway.close()
    return watch.timed


class CountingStore(DatabaseStore):
    """Tells when the results of `people` are committed; asking the database again and again would be measured."""

    def __init__(self, sessions: sessionmaker[Session], vault: Vault, lifeline: Lifeline, *, people: int) -> None:
        super().__init__(sessions, vault, lifeline)
        self._left, self._loop = people, asyncio.get_running_loop()
        self.done = asyncio.Event()

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        """Write and claim as the engine does, then count what is accepted."""
        found = super().exchange(results, ask)
        self._left -= sum(result.state is SendState.ACCEPTED for result in results)
        if self._left <= 0:
            self._loop.call_soon_threadsafe(self.done.set)
        return found


async def send_engine(
    sessions: sessionmaker[Session], vault: Vault, url: str, people: int, *, mark: Path
) -> Timed:
    """Let the engine send the one running run, to `people`, to its end; `mark` is the worker's file."""
    with ExitStack() as stack:
        lifeline = stack.enter_context(closing(Lifeline(sessions, mark)))
        lifeline.tend()
        store = CountingStore(sessions, vault, lifeline, people=people)
        database, watching = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        surroundings = Surroundings(
            store=store,
            database=in_thread(database),
            watch=in_thread(watching),
            open_gateway=lambda sender: open_gateway(url),
            callback_base=lambda kind: CALLBACK,
            chance=random.Random(1).random,
        )
        stopping = asyncio.Event()
        with Stopwatch() as watch:
            task = asyncio.create_task(Engine(surroundings, window=WINDOW).run(stopping))
            living = asyncio.create_task(_keep_alive(lifeline))
            await store.done.wait()
        stopping.set()
        living.cancel()
        await asyncio.wait([task, living])
    return watch.timed


async def _keep_alive(lifeline: Lifeline) -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        await asyncio.to_thread(lifeline.tend)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round took, and how fast the floor went in it, in messages a second."""

    people: int
    bare: Timed
    sent: Timed
    floor_rate: float

    @property
    def rate(self) -> float:
        """Messages a second of the engine."""
        return self.people / self.sent.seconds

    @property
    def bare_rate(self) -> float:
        """Messages a second of the bare loop, which sends two halves."""
        return self.people // 2 * 2 / self.bare.seconds


def measure(kind: str, people: int, rounds: int, over: str) -> dict[str, Any]:
    """Return the figures of one database."""
    # As in a worker, and for both sides alike.
    tune_interpreter()
    vault = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
    done: list[Round] = []
    with ExitStack() as stack:
        database, sandbox = stack.enter_context(fresh_database(kind)), stack.enter_context(PROVIDERS[over]())
        # On the disk of the database, and the same for all rounds, as a worker has it that begins anew.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fingerpost-bench-")))
        workers = make_worker_engine(database.url.render_as_string(hide_password=False))
        sides = Sides(database, make_sessions(workers), vault, sandbox, folder / "mark")
        for number in range(rounds):
            done.append(one := _go_round(sides, people))
            told = f"engine {one.rate:.0f}/s, bare {one.bare_rate:.0f}/s, floor {one.floor_rate:.0f}/s"
            note(f"{kind} round {number + 1}: {told}, CPU {one.sent.cpu / one.bare.cpu:.2f} x")
        workers.dispose()
    ratios = summary([one.bare.seconds / one.sent.seconds for one in done])
    return {
        "people": people,
        "rounds": rounds,
        "over": over,
        "ratio_to_bare": ratios["median"],
        **ratios,
        "cpu_ratio": summary([one.sent.cpu / one.bare.cpu for one in done]),
        "ratio_to_floor": summary([one.rate / one.floor_rate for one in done]),
        # What an engine that costs nothing would reach on this machine, now.
        "bare_to_floor": summary([one.bare_rate / one.floor_rate for one in done]),
        "per_second": summary([one.rate for one in done]),
        "bare_per_second": summary([one.bare_rate for one in done]),
        "floor_per_second": summary([one.floor_rate for one in done]),
        "peak_mb": peak_megabytes(),
    }


@dataclass(frozen=True, slots=True)
class Sides:
    """What both sides of a round have in common, and the engine's own."""

    database: Database
    sessions: sessionmaker[Session]
    vault: Vault
    sandbox: SandboxProcess
    mark: Path


def _go_round(sides: Sides, people: int) -> Round:
    """Send half of the messages bare, all by the engine, the other half bare, and a few as the floor does.

    A machine that gets slower or faster meanwhile does so for both.
    """
    database, vault, sandbox = sides.database, sides.vault, sides.sandbox
    _prepare(database, vault, people)
    bare = _send_bare_half(sandbox, people)
    sent = _send_all(sides, people)
    bare += _send_bare_half(sandbox, people)
    _clear(sandbox)
    return Round(people, bare, sent, _send_floor(database, vault, sandbox))


def send_as_engine(sides: Sides, people: int) -> Timed:
    """Let the engine alone send a run of its own."""
    _prepare(sides.database, sides.vault, people)
    return _send_all(sides, people)


def _send_all(sides: Sides, people: int) -> Timed:
    _clear(sides.sandbox)
    sent = _run(send_engine(sides.sessions, sides.vault, sides.sandbox.url, people, mark=sides.mark))
    accepted = sides.sandbox.call("GET", "invariants")
    assert (accepted["accepted"], accepted["intents"]) == (people, people), accepted
    return sent


def _send_bare_half(sandbox: SandboxProcess, people: int) -> Timed:
    _clear(sandbox)
    return _run(send_bare(sandbox.url, people // 2))


def _clear(sandbox: SandboxProcess) -> None:
    """Let the sandbox forget all messages, refuse nobody for the last digits of a number, and call nobody back."""
    sandbox.call("POST", "reset", {})
    sandbox.call("POST", "fixture", {"suffixes": False, "profile": {"callback": {"lose_p": 1.0}}})


def _prepare(database: Database, vault: Vault, people: int) -> int:
    with Session(database) as session, session.begin():
        known = session.scalar(select(Sender).where(Sender.identity == SENDER))
        sender = known or a_sender(session, identity=SENDER, pace=NO_LIMIT)
        return a_running_run(session, vault, count=people, sender=sender).id


def _send_floor(database: Database, vault: Vault, sandbox: SandboxProcess) -> float:
    run_id = _prepare(database, vault, FLOOR_PEOPLE)
    return send_plainly(database, sandbox.client(), run_id, sender=SENDER)


def _run(work: Any) -> Timed:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        timed: Timed = runner.run(work)
    return timed


def _cpu_seconds() -> float:
    usage = getrusage(RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@click.command()
@click.option("--people", default=20_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option(
    "--over", type=click.Choice([*PROVIDERS]), default="bare", show_default=True, help="What takes them."
)
@measures_each
def main(kind: str, people: int, rounds: int, over: str) -> dict[str, Any]:
    """Measure the engine's rate as a ratio to a bare loop with the same client and server."""
    return measure(kind, people, rounds, over)


if __name__ == "__main__":
    main()
