"""Two workers against one on PostgreSQL: `fingerpost worker` as processes, two senders, a sandbox for each worker.

A lane is served by one worker, so there are two senders. Where processors are few, database and sandboxes take
what a second worker would need: `allowed` is the ratio that the processors leave, from the processor time that
a message took with one worker. To see what the cluster itself costs, the same is measured with each worker held
to a share of one processor, so that there is enough for all (Linux control groups, as root).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import click
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from bench.harness import fresh_database, note, show, summary
from bench.processes import cpu_seconds, parent_of, put_into, sharing
from campaigns.core.settings import load_settings
from campaigns.planning.models import Run
from tests.delivery.builders import a_running_run
from tests.factories import a_sender, an_organisation
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess
from tests.web.pages import KEYS

WORKERS = (1, 2)
SENDERS = {"first": SENDER, "second": "+447700900100"}
#: Parts per second; far above what any machine sends, so that the pace never waits.
NO_LIMIT = 1_000_000.0
#: The rate is that between these shares of all messages, when every lane has begun and none has ended.
FROM, TO = 0.25, 0.75
PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Sent:
    """Messages a second, and the processor time that one took in all processes together, in seconds."""

    rate: float
    cost: float


def measure(people: int, rounds: int, share: float) -> dict[str, Any]:
    """Return the figures of paired rounds, without and with the workers held to a share of a processor."""
    with fresh_database("postgres") as database:
        free = _rounds(database, people, rounds, 0.0)
        held = _rounds(database, people, rounds, share) if share else []
    cores = os.cpu_count() or 1
    ratios = [two.rate / one.rate for one, two in free]
    allowed = [min(2.0, cores / one.cost / one.rate) for one, _ in free]
    return {
        "people": people,
        "rounds": rounds,
        "cores": cores,
        "ratio": summary(ratios),
        "allowed": summary(allowed),
        "one_per_second": summary([one.rate for one, _ in free]),
        "two_per_second": summary([two.rate for _, two in free]),
        "one_cpu_microseconds": summary([one.cost * 1e6 for one, _ in free]),
        "two_cpu_microseconds": summary([two.cost * 1e6 for _, two in free]),
        "share": share,
        "ratio_of_shares": summary([two.rate / one.rate for one, two in held]) if held else None,
        "one_share_per_second": summary([one.rate for one, _ in held]) if held else None,
        "two_shares_per_second": summary([two.rate for _, two in held]) if held else None,
    }


def _rounds(database: Engine, people: int, rounds: int, share: float) -> list[tuple[Sent, Sent]]:
    pairs = []
    for number in range(rounds):
        # Each goes first as often as the other: the machine gets slower and faster meanwhile.
        order = WORKERS if number % 2 == 0 else WORKERS[::-1]
        results = {workers: _send(database, people, workers, share) for workers in order}
        if None in results.values():
            note("no groups of processes can be made here, so no shares are measured")
            return []
        one, two = results[1], results[2]
        assert one is not None
        assert two is not None
        pairs.append((one, two))
        note(f"share {share or 1}: one {one.rate:.0f}, two {two.rate:.0f} a second")
    return pairs


def _send(database: Engine, people: int, workers: int, share: float) -> Sent | None:
    """Let `workers` workers send to `people`; None when they cannot be held to a share."""
    with ExitStack() as stack:
        sandboxes = [stack.enter_context(SandboxProcess()) for _ in range(workers)]
        started = []
        for number, sandbox in enumerate(sandboxes):
            sandbox.fixture(suffixes=False, profile={"callback": {"lose_p": 1.0}})
            group = stack.enter_context(sharing(share, str(number))) if share else None
            process = _start(database, sandbox)
            stack.callback(_end, process)
            if group is not None:
                put_into(group, process.pid)
            elif share:
                return None
            started.append(process.pid)
        _wait_for(database, workers)
        pids = [*started, *(sandbox.process.pid for sandbox in sandboxes), _server_of(database)]
        before = sum(map(cpu_seconds, pids))
        _prepare(database, people)
        rate = _watch(sandboxes, people)
        cost = (sum(map(cpu_seconds, pids)) - before) / people
        _wait_until_done(database)
    return Sent(rate, cost)


def _start(database: Engine, sandbox: SandboxProcess) -> subprocess.Popen[bytes]:
    environment = _environment(database) | {"FINGERPOST_SANDBOX_URL": sandbox.url}
    command = [sys.executable, "-m", "campaigns.cli", "worker"]
    return subprocess.Popen(command, env=os.environ | environment)


def _environment(database: Engine) -> dict[str, str]:
    return KEYS | {
        "FINGERPOST_MODE": "demo",
        "FINGERPOST_DATABASE_URL": database.url.render_as_string(hide_password=False),
        "FINGERPOST_PUBLIC_URL": "http://127.0.0.1:9",
        "FINGERPOST_SECRET_TWILIO": f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}",
        "FINGERPOST_OWNERS_TWILIO": " ".join(SENDERS),
        "FINGERPOST_LOG_LEVEL": "ERROR",
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def _prepare(database: Engine, people: int) -> None:
    """Add a run for each of the senders; they are seen by all workers at the same moment."""
    vault = load_settings(_environment(database)).vault()
    with Session(database) as session, session.begin():
        for slug, identity in SENDERS.items():
            organisation = an_organisation(session, slug=slug)
            sender = a_sender(session, identity=identity, pace=NO_LIMIT)
            a_running_run(session, vault, count=people // len(SENDERS), sender=sender, organisation=organisation)


def _wait_for(database: Engine, workers: int) -> None:
    living = text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '2 seconds'")
    _wait(lambda: _ask(database, living) == workers)


def _wait_until_done(database: Engine) -> None:
    _wait(lambda: _ask(database, select(func.count()).where(Run.finished_at.is_(None))) == 0)


def _ask(database: Engine, statement: Any) -> int:
    with database.connect() as connection:
        return int(connection.scalars(statement).one())


def _server_of(database: Engine) -> int:
    """Return the process of PostgreSQL that started all others of it."""
    return parent_of(_ask(database, text("SELECT pg_backend_pid()")))


def _watch(sandboxes: list[SandboxProcess], people: int) -> float:
    """Return the messages a second in the middle of the sending; return when all are accepted."""
    first = last = (0.0, 0)

    def is_over() -> bool:
        nonlocal first, last
        accepted = sum(sandbox.invariants()["accepted"] for sandbox in sandboxes)
        now = time.monotonic(), accepted
        first = now if accepted <= FROM * people else first
        last = now if accepted <= TO * people else last
        return bool(accepted >= people)

    _wait(is_over)
    return (last[1] - first[1]) / (last[0] - first[0])


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        if time.monotonic() > deadline:
            raise TimeoutError("The workers do not get on.")
        time.sleep(0.05)


@click.command()
@click.option("--people", default=20_000, show_default=True, help="Messages of one round, over two senders.")
@click.option("--rounds", default=3, show_default=True)
@click.option(
    "--share", default=0.3, show_default=True, help="Share of a processor for each worker; 0: no such round."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(people: int, rounds: int, share: float, as_json: bool) -> None:
    """Measure what two workers on PostgreSQL send as a ratio to one."""
    figures = measure(people, rounds, share)
    show(figures, as_json=as_json)


if __name__ == "__main__":
    main()
