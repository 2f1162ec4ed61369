"""A campaign from the contact file to its reach, stage by stage, beside the bare version of each stage.

Each stage runs in a process of its own, through the code that an instance runs: import (`fingerpost import
contacts`, the whole file in one transaction), plan (fan-out), send (a worker, over `bench.bare_provider`),
keep_receipts (the intake behind the door; three receipts a message in shuffled order, the last word twice;
`bench.receipts` measures the door itself), merge_receipts, roll_up (reach). Every stage is held against the
one before it: whoever is in the file is planned, accepted by the provider, told of by receipts and counted, once.
Next to it in the same run, by as many processes, goes the same work done bare (`bench.bare_stages`): `ratio` is
how many times as long ours took, at most `most_ratio`.

A small run comes first. `peak_mb` is the largest resident memory of the stage's process, `grown_mb` how much more
that is than in the small run, `most_grown_mb` the most of any stage. `provider` is the stand-in on the same cores,
which remembers every reference; it is not part of what is compared. `whole_with_receipts` is the same campaign
once more with the receipts coming in while it is sent (`bench.whole_campaign`).
"""

from __future__ import annotations

import os
from typing import Any

import click

from bench.bare_provider import BareProvider
from bench.harness import measures_each, megabytes_of, note
from bench.processes import cpu_seconds
from bench.stage_instance import StageInstance, stage_instance
from bench.stages import CONTACTS_FILE, MEASURED, STAGES, resident_peak_megabytes
from bench.told import RECEIPTS_EACH
from bench.whole_campaign import measure_whole
from tests.sandbox.process import SandboxProcess

#: A run that is large enough for every batch, chunk and group to be a full one.
SMALL = 10_000
#: What the memory of a large run may exceed that of the small one by, in MB.
MOST_GROWN_MB = 50.0
#: How many times as long as its bare version a stage may take. A worker sends at 0.95 of the engine's rate at
#: least, and that at 0.85 of a bare loop's (0.83 beside PostgreSQL).
MOST_RATIO = {"import": 2.0, "plan": 5.0, "keep_receipts": 2.0, "merge_receipts": 2.0, "roll_up": 3.0}
MOST_SEND_RATIO = {"sqlite": 1 / (0.95 * 0.85), "postgres": 1 / (0.95 * 0.83)}
#: Seconds that a million people may take on two quiet cores: their import, and all stages.
MOST_IMPORT_SECONDS = 150.0
MOST_SECONDS = {"sqlite": 600.0, "postgres": 750.0}
MILLION = 1_000_000


def measure(kind: str, people: int) -> dict[str, Any]:
    """Return the figures of one database: those of the large run, and what it took more than the small one."""
    began_at_load = os.getloadavg()[0]
    small = run_stages(kind, min(SMALL, people))
    large = run_stages(kind, people, beside_bare=True)
    stages = {name: _figures(kind, name, large, small) for name in MEASURED}
    grown = max(figures["grown_mb"] for figures in stages.values())
    seconds = sum(figures["seconds"] for figures in stages.values())
    share = people / MILLION
    return {
        "people": people,
        "compared_with": min(SMALL, people),
        "cores": _cores(),
        "load": [round(load, 1) for load in (began_at_load, os.getloadavg()[0])],
        "seconds": round(seconds, 1),
        "bare_seconds": round(sum(figures["bare_seconds"] for figures in stages.values()), 1),
        # Told of a million; fewer may take as much less.
        "most_seconds": round(MOST_SECONDS[kind] * share, 1),
        "most_import_seconds": round(MOST_IMPORT_SECONDS * share, 1),
        "most_grown_mb": grown,
        "too_slow": [name for name in MEASURED if not stages[name]["is_within_limit"]],
        "is_within_limit": grown <= MOST_GROWN_MB
        and seconds <= MOST_SECONDS[kind] * share
        and stages["import"]["seconds"] <= MOST_IMPORT_SECONDS * share
        and all(figures["is_within_limit"] for figures in stages.values()),
        "provider": large["provider"],
        **stages,
        "whole_with_receipts": measure_whole(kind, people),
    }


def run_stages(kind: str, people: int, *, beside_bare: bool = False) -> dict[str, Any]:
    """Take `people` from a file to reach on a new database and return what each stage took.

    `beside_bare` does the bare version of each as well; `bare` of a stage is what that took.
    """
    bare_import = _import_barely(kind, people) if beside_bare else None
    found: dict[str, Any] = {}
    with BareProvider() as provider, stage_instance(kind, people, provider_url=provider.url) as instance:
        for name in STAGES:
            found[name] = instance.do(name)
            if name == "send":
                invariants = provider.call("GET", "invariants")
                found["provider"] = _cost_of(provider)
            if beside_bare and name in MEASURED:
                found[name]["bare"] = bare_import if name == "import" else _do_barely(instance, name)
            note(f"{kind} {people:,}: {name} {found[name]}, load {os.getloadavg()[0]:.1f}")
        _check(found, people, invariants)
        found["database_mb"] = megabytes_of(instance.database)
    return found


def _import_barely(kind: str, people: int) -> dict[str, Any]:
    """Load the file bare, into a new database, as the stage does."""
    with stage_instance(kind, people) as instance:
        instance.do("prepare")
        return instance.run("bench.plain_import", str(instance.folder / CONTACTS_FILE), str(_cores()))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _do_barely(instance: StageInstance, name: str) -> dict[str, Any]:
    return instance.do(name, of="bench.bare_stages")


def _cost_of(provider: SandboxProcess) -> dict[str, float]:
    """Return what the stand-in took of memory, and of the processors to take the messages of the stage."""
    pid = provider.process.pid
    return {"peak_mb": resident_peak_megabytes(pid), "cpu_seconds": round(cpu_seconds(pid), 2)}


def _check(found: dict[str, Any], people: int, invariants: dict[str, Any]) -> None:
    """Hold every stage against the one before it: nobody is lost on the way, and nobody counted twice."""
    counts = dict.fromkeys(("import", "plan", "send", "roll_up"), people)
    counts |= dict.fromkeys(("write_callbacks", "keep_receipts", "merge_receipts"), people * RECEIPTS_EACH)
    for name, count in counts.items():
        for done in (found[name], found[name].get("bare", found[name])):
            assert done["count"] == count, (name, done)
    assert (invariants["accepted"], invariants["intents"]) == (people, people), invariants


def _figures(kind: str, name: str, large: dict[str, Any], small: dict[str, Any]) -> dict[str, Any]:
    done, before = large[name], small[name]
    bare_seconds = done["bare"]["seconds"]
    most = MOST_RATIO.get(name, MOST_SEND_RATIO[kind])
    return {
        "seconds": round(done["seconds"], 2),
        "per_second": round(done["count"] / done["seconds"]),
        "bare_seconds": round(bare_seconds, 2),
        "ratio": round(done["seconds"] / bare_seconds, 2),
        "most_ratio": round(most, 2),
        "is_within_limit": done["seconds"] <= most * bare_seconds,
        "peak_mb": done["peak_mb"],
        "small_peak_mb": before["peak_mb"],
        "grown_mb": round(done["peak_mb"] - before["peak_mb"], 1),
    }


@click.command()
@click.option("--people", default=1_000_000, show_default=True)
@measures_each
def main(kind: str, people: int) -> dict[str, Any]:
    """Take people from a contact file to their reach, each stage beside a bare version of it."""
    return measure(kind, people)


if __name__ == "__main__":
    main()
