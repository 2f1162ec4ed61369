"""Drills: an instance in the middle of a run, ways to take its database back, and what must be true afterwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from campaigns.core.database import make_engine, make_sessions
from campaigns.core.settings import load_settings
from campaigns.restoring.command import resume_after_restore
from tests.faults.scene import Scene
from tests.postgres import system_binaries

#: Longest that a restored instance is watched for calls before its release, in seconds.
WATCHED = 3.0


def copy_files(database: Path, target: Path) -> None:
    """Copy a SQLite database with what stands in its log, as `cp` does."""
    for path in database.parent.glob(f"{database.name}*"):
        if path.name in (database.name, f"{database.name}-wal"):
            shutil.copy(path, target / path.name)


def back_up(database: Path, target: Path) -> None:
    """Copy a SQLite database as `.backup` does."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target / database.name)) as copy:
        source.backup(copy)


def put_back(backup: Path, database: Path) -> None:
    """Replace a SQLite database by its backup: another file with the same name."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    for path in backup.iterdir():
        shutil.copy(path, database.parent / path.name)


def write_over(backup: Path, database: Path) -> None:
    """Write a backup into the same file, so that nothing but its content tells: as a snapshot of a disk does."""
    with closing(sqlite3.connect(backup / database.name)) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)


def dump(url: URL, target: Path) -> None:
    """Make a dump of a PostgreSQL database."""
    _run("pg_dump", "-Fc", "--no-owner", "-f", str(target), _plain(url))


def restore_dump(target: Path, url: URL) -> None:
    """Restore a dump into an empty PostgreSQL database."""
    _run("pg_restore", "--exit-on-error", "--no-owner", "-d", _plain(url), str(target))


def move(scene: Scene, url: str) -> None:
    """Let an instance go on with another database."""
    scene.engine.dispose()
    scene.engine = make_engine(url)
    scene.sessions = make_sessions(scene.engine)
    scene.environment["FINGERPOST_DATABASE_URL"] = url


def calls_before_release(scene: Scene, *, seconds: float = WATCHED) -> int:
    """Let a worker work on a restored database for a while and return how many messages left it."""
    before, end = scene.sent(), time.monotonic() + seconds
    scene.work(lambda: time.monotonic() >= end)
    return scene.sent() - before


def resume(scene: Scene, *, journals: Iterable[Path] = ()) -> list[str]:
    """Release an instance and return what the command says."""
    settings = load_settings(scene.environment)
    return list(resume_after_restore(settings, is_list_needed=True, confirm=lambda: True))


def written_to_twice(scene: Scene) -> int:
    """Return how many people the provider has more than one message to."""
    times = Counter(message["to"] for message in scene.sandbox.whole_truth())
    return sum(1 for count in times.values() if count > 1)


def finished(scene: Scene, run_id: int) -> Callable[[], bool]:
    """Return whether a run is over, as a condition."""
    return lambda: scene.is_over(run_id)


def _plain(url: URL) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(program: str, *arguments: str) -> None:
    folder = system_binaries()
    command = [str(folder / program) if folder else program, *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PGUSER": "postgres"})
