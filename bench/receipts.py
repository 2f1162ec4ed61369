"""How fast status callbacks are verified and on disk: against Flask and Twilio's validator, which keep nothing."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import Any

import click
from sqlalchemy import Engine, func, select

from bench.callbacks import ACCOUNT, PUBLIC_URL, TOKEN, Posted, make_callbacks, post_all
from bench.harness import fresh_database, measures_each, note, summary
from campaigns.delivery.models import Receipt
from tests.delivery.serving import ServerProcess, free_port, serve_instance

#: Connections that the client keeps open, each with one callback at a time.
CONNECTIONS = 96
WARM_UP = 500
CORES = str(os.cpu_count() or 1)
OURS = ("--processes", CORES)
#: Worker classes of gunicorn: its default, and the one that keeps connections open; a process a core, as ours.
PLAIN = {
    "sync": ("--workers", CORES),
    "gthread": ("--workers", CORES, "--worker-class", "gthread", "--threads", "4"),
}


def serve_plain(*options: str) -> ServerProcess:
    """Start the application that a user would write, under gunicorn."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "bench.plain_receipts:app", "--log-level", "error"]
    command += ["--bind", f"127.0.0.1:{port}", *options]
    return ServerProcess(command, port=port, environ={"BENCH_TOKEN": TOKEN})


def serve_ours(database: Engine) -> ServerProcess:
    """Start `fingerpost serve` as it is."""
    return serve_instance(database, *OURS, public_url=PUBLIC_URL, secret_bench=f"{ACCOUNT}:{TOKEN}")


def measure(kind: str, count: int, rounds: int) -> dict[str, Any]:
    """Return the figures of one database: each round posts `count` callbacks to every server in turn."""
    posted: dict[str, list[Posted]] = {name: [] for name in (*PLAIN, "ours")}
    with ExitStack() as stack:
        database = stack.enter_context(fresh_database(kind))
        servers = {name: stack.enter_context(serve_plain(*options)) for name, options in PLAIN.items()}
        servers["ours"] = stack.enter_context(serve_ours(database))
        for server in servers.values():
            post_all(server.port, make_callbacks(WARM_UP), connections=CONNECTIONS)
        for number in range(rounds):
            callbacks = make_callbacks(count)
            # Each is first, second and last in turn: the machine may be busy with something else for a while.
            for name in (*list(servers)[number % 3 :], *list(servers)[: number % 3]):
                posted[name].append(post_all(servers[name].port, callbacks, connections=CONNECTIONS))
            told = ", ".join(f"{name} {posted[name][-1].per_second:.0f}/s" for name in servers)
            note(f"{kind} round {number + 1}: {told}")
        assert count_receipts(database) == WARM_UP + count * rounds
        peak = servers["ours"].peak_megabytes()
    return {
        "callbacks": count,
        "rounds": rounds,
        **figures(posted),
        **settings(),
        "peak_mb": round(peak, 1),
    }


def figures(posted: dict[str, list[Posted]]) -> dict[str, Any]:
    """Return the ratio to the faster plain server of each round, to each of them, and what they rest on."""
    ours = [one.per_second for one in posted["ours"]]
    plain = {name: [one.per_second for one in posted[name]] for name in PLAIN}
    fastest = [max(rates) for rates in zip(*plain.values(), strict=True)]
    return {
        "ratio_to_plain": summary(ratios(ours, fastest)),
        **{f"ratio_to_{name}": summary(ratios(ours, rates)) for name, rates in plain.items()},
        "per_second": summary(ours),
        **{f"{name}_per_second": summary(rates) for name, rates in plain.items()},
        "p50_ms": summary([one.milliseconds(0.5) for one in posted["ours"]]),
        "p99_ms": summary([one.milliseconds(0.99) for one in posted["ours"]]),
    }


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Return ours to theirs, round by round."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def settings() -> dict[str, Any]:
    """Return with what settings each side served."""
    return {
        "ours": f"fingerpost serve {' '.join(OURS)} (one event loop a process, hooks beside the console)",
        "plain": {name: f"gunicorn {' '.join(options)}" for name, options in PLAIN.items()},
        "connections": CONNECTIONS,
    }


def count_receipts(database: Engine) -> int:
    """Return how many receipts are on disk."""
    with database.connect() as connection:
        return int(connection.scalar(select(func.count()).select_from(Receipt)) or 0)


@click.command()
@click.option("--callbacks", default=20_000, show_default=True, help="callbacks of one round")
@click.option("--rounds", default=5, show_default=True)
@measures_each
def main(kind: str, callbacks: int, rounds: int) -> dict[str, Any]:
    """Measure the rate of durable receipts as a ratio to gunicorn, Flask and RequestValidator."""
    return measure(kind, callbacks, rounds)


if __name__ == "__main__":
    main()
