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
import time
from typing import Any

import click

from bench.harness import measures_each, note, summary
from bench.stage_instance import stage_instance
from bench.stages import CONTACTS_FILE, ORGANISATION

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
    with stage_instance(kind, people) as instance:
        file = instance.folder / CONTACTS_FILE
        instance.do("prepare")
        plain = ["-m", "bench.plain_import", str(file), str(_processes())]
        command = ["-c", _FINGERPOST, "import", "contacts", str(file), "--organisation", ORGANISATION]
        started, used = time.perf_counter(), _cpu_seconds()
        subprocess.run(
            [sys.executable, *(plain if is_bare else command)],
            env=instance.environment,
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
