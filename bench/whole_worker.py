"""What a worker does beside sending, against the engine alone: the same run, over a provider that costs little.

Both send as many messages in turn, on databases of their own. The engine's side is that of `bench.dispatch`; the
worker's is `fingerpost worker` with all its chores, timed from the start of the run until the last message is
accepted. What its processor does until the run is done counts as well.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from bench.bare_provider import BareProvider
from bench.dispatch import Sides, Timed, send_as_engine
from bench.flight import Flight, flight
from bench.harness import fresh_database, measures_each, note, summary
from bench.processes import cpu_seconds
from campaigns.core.database import make_sessions, make_worker_engine
from campaigns.core.keys.crypto import Vault
from campaigns.planning.models import Run, RunState
from campaigns.worker import tune_interpreter


def measure(kind: str, people: int, rounds: int) -> dict[str, Any]:
    """Return the figures of one database."""
    tune_interpreter()
    vault = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
    alone, whole = list[Timed](), list[Timed]()
    with ExitStack() as stack:
        flown = stack.enter_context(flight(kind, provider=BareProvider))
        database, provider = stack.enter_context(fresh_database(kind)), stack.enter_context(BareProvider())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fingerpost-bench-")))
        workers = make_worker_engine(database.url.render_as_string(hide_password=False))
        sides = Sides(database, make_sessions(workers), vault, provider, folder / "mark")
        for number in range(rounds):
            alone.append(send_as_engine(sides, people))
            whole.append(send_as_worker(flown, people))
            told = f"engine {alone[-1]}, worker {whole[-1]}, load {os.getloadavg()[0]:.1f}"
            note(f"{kind} round {number + 1}: {told}")
        workers.dispose()
    pairs = list(zip(alone, whole, strict=True))
    return {
        "people": people,
        "rounds": rounds,
        "rate_ratio": summary([one.seconds / other.seconds for one, other in pairs]),
        "cpu_ratio": summary([other.cpu / one.cpu for one, other in pairs]),
        "per_second": summary([people / other.seconds for _, other in pairs]),
        "engine_per_second": summary([people / one.seconds for one, _ in pairs]),
        "cpu_microseconds": summary([other.cpu / people * 1e6 for _, other in pairs]),
    }


def send_as_worker(flown: Flight, people: int) -> Timed:
    """Let the worker of a flight send one run to its end."""
    run_id = flown.add_run(flown.sending, people=people)
    aim = flown.accepted() + people
    cpu, began = cpu_seconds(flown.worker), time.perf_counter()
    flown.start(run_id)
    flown.wait(lambda: flown.accepted() >= aim, patience=600)
    seconds = time.perf_counter() - began

    def is_done() -> bool:
        with flown.reading() as session:
            return session.get_one(Run, run_id).state == RunState.DONE

    flown.wait(is_done)
    return Timed(seconds, cpu_seconds(flown.worker) - cpu)


@click.command()
@click.option("--people", default=20_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@measures_each
def main(kind: str, people: int, rounds: int) -> dict[str, Any]:
    """Measure a whole worker as a ratio to the engine alone."""
    return measure(kind, people, rounds)


if __name__ == "__main__":
    main()
