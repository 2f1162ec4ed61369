"""An import of a contact file against a bare load of it by as many processes: no more than twice its time.

Each takes the file into a new database of its own, in turn: ours by the command that operators use, the bare one
by `bench.plain_import`, which checks, seals and inserts, and looks for nobody. Seconds are by the clock and begin
with the process; CPU seconds are those of its processes, without the database's server.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from bench.harness import fresh_database, measures_each, note, summary
from bench.million import build_nothing, environment_of, run_stage, write_contacts, write_places
from bench.stages import CONTACTS_FILE, ORGANISATION, PLACES_FILE

#: What an import may take of a bare load.
MOST = 2.0
_FINGERPOST = "from campaigns.cli import main; main()"


def measure(kind: str, people: int, rounds: int) -> dict[str, Any]:
    """Return the figures of one database."""
    ours: list[dict[str, float]] = []
    bare: list[dict[str, float]] = []
    for _ in range(rounds):
        bare.append(_take(kind, people, is_bare=True))
        ours.append(_take(kind, people, is_bare=False))
        note(f"{kind} {people:,}: {ours[-1]}, bare {bare[-1]}")
    ratio = summary([one["seconds"] / other["seconds"] for one, other in zip(ours, bare, strict=True)])
    seconds = summary([one["seconds"] for one in ours])
    return {
        "people": people,
        "processes": _processes(),
        "ratio": ratio,
        "is_within_limit": ratio["median"] <= MOST,
        "seconds": seconds,
        "rows_per_second": round(people / seconds["median"]),
        "cpu_seconds": summary([one["cpu"] for one in ours]),
        "bare_seconds": summary([one["seconds"] for one in bare]),
        "bare_cpu_seconds": summary([one["cpu"] for one in bare]),
    }


def _take(kind: str, people: int, *, is_bare: bool) -> dict[str, float]:
    """Take the file into a new database, and return what that took."""
    with (
        fresh_database(kind, build=build_nothing) as engine,
        tempfile.TemporaryDirectory(prefix="fingerpost-bench-") as folder,
    ):
        url = engine.url.render_as_string(hide_password=False)
        # Nothing is sent, so there is no sandbox.
        environment = environment_of(url, "http://127.0.0.1:1", people)
        file = Path(folder) / CONTACTS_FILE
        write_places(Path(folder) / PLACES_FILE)
        write_contacts(file, people)
        run_stage("prepare", folder, environment)
        plain = ["-m", "bench.plain_import", str(file), str(_processes())]
        command = ["-c", _FINGERPOST, "import", "contacts", str(file), "--organisation", ORGANISATION]
        started, used = time.perf_counter(), _cpu_seconds()
        subprocess.run(
            [sys.executable, *(plain if is_bare else command)],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        took = {"seconds": time.perf_counter() - started, "cpu": _cpu_seconds() - used}
    return {name: round(value, 2) for name, value in took.items()}


def _cpu_seconds() -> float:
    """Return what all children of this process that ended have used so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _processes() -> int:
    return len(os.sched_getaffinity(0))


@click.command()
@click.option("--people", default=200_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@measures_each
def main(kind: str, people: int, rounds: int) -> dict[str, Any]:
    """Import a contact file and hold it against a bare load by the same number of processes."""
    return measure(kind, people, rounds)


if __name__ == "__main__":
    main()
