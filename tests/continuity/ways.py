"""The ways in which databases are taken back: what `take` keeps, `give` puts in the place of what came after."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from tests.continuity.drills import age, move
from tests.faults.scene import Scene
from tests.postgres import PostgresServer

#: Prepares one way for an instance and returns its `take` and `give`.
Way = tuple[Callable[[], None], Callable[[], None]]


def file_of(scene: Scene) -> Path:
    """Return the SQLite file of an instance."""
    assert scene.engine.url.database is not None
    return Path(scene.engine.url.database)


def copy_files(scene: Scene) -> Way:
    """`cp` of a SQLite file and its log, put back with `cp`."""
    database, backup = file_of(scene), _folder(scene)

    def take() -> None:
        for suffix in ("", "-wal"):
            if Path(f"{database}{suffix}").exists():
                # A process of its own: one that closes a file of SQLite loses its locks on it.
                subprocess.run(["/bin/cp", f"{database}{suffix}", backup], check=True)

    return take, lambda: _put_back(backup, database)


def back_up(scene: Scene) -> Way:
    """SQLite's `.backup`, put back with `cp`."""
    database, backup = file_of(scene), _folder(scene)
    return lambda: _copy(database, backup / database.name), lambda: _put_back(backup, database)


def write_over(scene: Scene) -> Way:
    """SQLite's `.backup`, put back with `.restore`: the file stays the same, so that only its content tells."""
    database, backup = file_of(scene), _folder(scene)
    return lambda: _copy(database, backup / database.name), lambda: _copy(backup / database.name, database)


def snapshot_of_machine(scene: Scene) -> Way:
    """Database and marks are taken back together, and an hour lies between the snapshot and now."""
    database, backup = file_of(scene), _folder(scene)

    def take() -> None:
        _copy(database, backup / database.name)
        for mark in database.parent.glob(f"{database.name}-mark-*"):
            shutil.copy(mark, backup)

    def give() -> None:
        _copy(backup / database.name, database)
        for mark in backup.glob("*-mark-*"):
            (database.parent / mark.name).write_bytes(mark.read_bytes())
        age(scene)

    return take, give


def dump(scene: Scene, onto: PostgresServer) -> Way:
    """`pg_dump`, restored into a new database of a server."""
    file = _folder(scene) / "dump"

    def take() -> None:
        onto.run("pg_dump", "-Fc", "--no-owner", _plain(scene), into=file)

    def give() -> None:
        url = onto.create_database()
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        onto.run("pg_restore", "--exit-on-error", "--no-owner", "-d", plain, out_of=file)
        move(scene, url)

    return take, give


def files_of_server(scene: Scene, server: PostgresServer, *, with_marks: bool = False) -> Way:
    """The data folder of a server, copied and put back in place; `with_marks`, those too, and an hour passes."""
    state, backup = Path(scene.environment["FINGERPOST_STATE_FOLDER"]), _folder(scene)

    def take() -> None:
        scene.engine.dispose()
        server.stop()
        server.keep_data("copy")
        server.start()
        if with_marks:
            for mark in state.glob("*-mark-*"):
                shutil.copy(mark, backup)

    def give() -> None:
        server.stop()
        server.put_data_back("copy")
        server.start()
        for mark in backup.glob("*-mark-*"):
            (state / mark.name).write_bytes(mark.read_bytes())
        if with_marks:
            age(scene)

    return take, give


def point_in_time(scene: Scene, server: PostgresServer) -> Way:
    """A base backup, and the archived log up to a point: the server is recovered to it and goes on from there."""

    def take() -> None:
        server.back_up("base")
        _ask(scene, "SELECT pg_create_restore_point('drill')")

    def give() -> None:
        segment = _ask(scene, "SELECT pg_walfile_name(pg_switch_wal())")
        until = time.monotonic() + 30
        while (_ask(scene, "SELECT last_archived_wal FROM pg_stat_archiver") or "") < segment:
            assert time.monotonic() < until, "the log is not archived"
            time.sleep(0.1)
        server.stop()
        server.put_data_back("base", recover_to="drill")
        server.start()
        while _ask(scene, "SELECT pg_is_in_recovery()::text") == "true":
            time.sleep(0.1)

    return take, give


def _folder(scene: Scene) -> Path:
    folder = scene.folder / "backup"
    folder.mkdir()
    return folder


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def _put_back(backup: Path, database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    for path in backup.iterdir():
        shutil.copy(path, database.parent / path.name)


def _plain(scene: Scene) -> str:
    return scene.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _ask(scene: Scene, question: str) -> str:
    with psycopg.connect(_plain(scene), autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return "" if row is None or row[0] is None else str(row[0])
