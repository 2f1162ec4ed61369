"""Restore drills in the middle of a large run: who was written to twice, before the release, or not at all.

Each way in which a database is taken back is drilled on an instance of its own, whose workers are killed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from bench.harness import note
from campaigns.core.database import make_engine
from campaigns.schema import metadata
from tests.continuity.drills import Figures, be_away, join_late, take_back
from tests.continuity.ways import (
    Way,
    back_up,
    copy_files,
    dump,
    files_of_server,
    point_in_time,
    snapshot_of_machine,
    write_over,
)
from tests.faults.scene import Scene
from tests.postgres import PostgresServer
from tests.sandbox.process import SandboxProcess

#: Messages a second, for each thousand people: each drill sends for some time, whatever its size.
PACE_PER_THOUSAND = 100.0

#: By name: the database, and how it is taken back.
WAYS: dict[str, tuple[str, Callable[[Scene, PostgresServer, PostgresServer], Way]]] = {
    "sqlite: cp": ("sqlite", lambda scene, one, other: copy_files(scene)),
    "sqlite: .backup": ("sqlite", lambda scene, one, other: back_up(scene)),
    "sqlite: .restore into the same file": ("sqlite", lambda scene, one, other: write_over(scene)),
    "sqlite: snapshot of the machine": ("sqlite", lambda scene, one, other: snapshot_of_machine(scene)),
    "postgres: pg_dump, same server": ("postgres", lambda scene, one, other: dump(scene, one)),
    "postgres: pg_dump, another server": ("postgres", lambda scene, one, other: dump(scene, other)),
    "postgres: point in time": ("postgres", lambda scene, one, other: point_in_time(scene, one)),
    "postgres: files of the server": ("postgres", lambda scene, one, other: files_of_server(scene, one)),
    "postgres: snapshot of the machine": (
        "postgres",
        lambda scene, one, other: files_of_server(scene, one, with_marks=True),
    ),
}
#: By name: the database, and what must not latch.
PLAIN: dict[str, tuple[str, Callable[..., Figures]]] = {
    "sqlite: an hour without a worker": ("sqlite", be_away),
    "postgres: an hour without a worker": ("postgres", be_away),
    "postgres: a new machine joins": ("postgres", join_late),
}


@click.command()
@click.option("--people", default=20_000, show_default=True)
@click.option("--only", multiple=True, help="Drill only those whose name holds this.")
@click.option("--json", "as_json", is_flag=True)
def main(people: int, only: tuple[str, ...], as_json: bool) -> None:
    """Drill every way of restoring a database."""
    names = [name for name in [*WAYS, *PLAIN] if not only or any(word in name for word in only)]
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        found[name] = asdict(_drill(name, people))
        note(f"{name}: {found[name]}")
    if as_json:
        click.echo(json.dumps(found))


def _drill(name: str, people: int) -> Figures:
    pace = max(50.0, people / 1000 * PACE_PER_THOUSAND)
    kind = (WAYS | PLAIN)[name][0]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fingerpost-drill-")))
        sandbox = stack.enter_context(SandboxProcess())
        sandbox.reset()
        sandbox.fixture(suffixes=False, keep_requests=0)
        one, other = PostgresServer(durable=True, archives=True), PostgresServer(durable=True)
        if kind == "postgres":
            stack.enter_context(one)
            stack.enter_context(other)
        url = one.create_database() if kind == "postgres" else f"sqlite:///{folder / 'fingerpost.db'}"
        engine = make_engine(url)
        metadata.create_all(engine)
        scene = stack.enter_context(Scene(engine, sandbox, folder))
        if name in PLAIN:
            return PLAIN[name][1](scene, people=people, pace=pace)
        take, give = WAYS[name][1](scene, one, other)
        return take_back(scene, people=people, pace=pace, take=take, give=give)


if __name__ == "__main__":
    main()
