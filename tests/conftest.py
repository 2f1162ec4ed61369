"""Fixtures shared by all tests: each database test runs on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from itertools import cycle
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import settings
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import key_fingerprints
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited import parent
from campaigns.schema import metadata
from campaigns.staff.sign_in import passwords
from tests.postgres import PostgresServer, empty_tables, forget_marks
from tests.reading import run_forked
from tests.sandbox.process import SandboxProcess

# How long an example takes says how busy the machine is.
settings.register_profile("fingerpost", deadline=None)
settings.load_profile("fingerpost")

# Ten thousand items are made and none is let go of: whoever looks for garbage among them looks for nothing.
gc.disable()

pytest.register_assert_rewrite("tests.browser.chromium")
pytest_plugins = ["tests.web.pages"]

#: Files in memory, where no commit waits for a disk, and the bytes that must be free there.
MEMORY, ROOM = Path("/dev/shm"), 2 << 30

#: Whoever asks for one of these sees the database through pages.
_PAGES = frozenset({"pages", "own_pages"})
#: What tests, or their files, say of the databases that they need.
_DATABASES = frozenset({"both_databases", "one_database"})
#: Files here take longest, beside those with real pages: five seconds and more.
_LONG_STEPS = ("simulation", "faults", "cluster", "continuity", "security", "architecture", "front", "readiness")
_LONG_ROOMS = ("core", "delivery/engine", "delivery/fanout", "planning/runs")
_LONG_FILES = ("planning/test_races", "places/test_in_use", "test_supervisor", "test_worker", "web/test_uploads")
_LONG = (
    *(f"tests/{folder}/" for folder in _LONG_STEPS + _LONG_ROOMS),
    *(f"tests/{file}.py" for file in _LONG_FILES),
)
#: How many objects come into being before anybody looks for garbage again: tests make many, and keep few.
_GARBAGE = 10_000
#: More statements than all tests together have: each is compiled once.
_STATEMENTS = 20_000


def pytest_configure() -> None:
    """Keep the files of tests in memory, unless somebody says where: a commit to a disk takes milliseconds."""
    if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="run heavy tests too")
    parser.addoption("--whole", action="store_true", help="run tests of pages on PostgreSQL, and long ones, too")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # The longest files first, after the shuffle: the processes then end at the same time.
    items.sort(key=_comes_early)
    is_whole, is_slow = config.getoption("--whole"), config.getoption("--runslow")
    if not is_whole:
        config.hook.pytest_deselected(items=[item for item in items if _proves_nothing_new(item)])
        items[:] = [item for item in items if not _proves_nothing_new(item)]
    for item in items:
        if item.get_closest_marker("slow") is not None and not is_slow:
            item.add_marker(pytest.mark.skip(reason="heavy: run with --runslow"))
        elif item.get_closest_marker("long") is not None and not (is_whole or is_slow):
            item.add_marker(pytest.mark.skip(reason="long: run with --whole"))


def pytest_collection_finish() -> None:
    """Look for garbage from here on, though not among what was loaded and collected, which stays to the end."""
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    gc.enable()


def _comes_early(item: pytest.Item) -> tuple[bool, bool]:
    return "browser" not in item.keywords, not item.nodeid.startswith(_LONG)


def _proves_nothing_new(item: pytest.Item) -> bool:
    """Say whether a test was to run on PostgreSQL though others send all of its statements there.

    So it is with most tests of pages, whose queries have tests of their own, and with those that say so. What is
    said of one test goes before what is said of its file. Among the rest is each statement that PostgreSQL could
    read in a way of its own, each condition that is asked and each column that is written.
    """
    assert isinstance(item, pytest.Function)
    is_on_postgres = hasattr(item, "callspec") and "postgres" in item.callspec.params.values()
    said = next((mark.name for mark in item.iter_markers() if mark.name in _DATABASES), None)
    return is_on_postgres and (
        not _PAGES.isdisjoint(item.fixturenames) if said is None else said == "one_database"
    )


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Let hashes of passwords cost next to nothing; what they cost guessers is tested beside them."""
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "PasswordHasher", cheap)
        yield


@pytest.fixture(scope="session", autouse=True)
def kept_fingerprints() -> Iterator[None]:
    """Salt the fingerprints of keys in two ways, so that each is computed once and not for every application."""
    salts = cycle(bytes([number]) * key_fingerprints.SALT_BYTES for number in (1, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(key_fingerprints, "token_bytes", lambda length: next(salts))
        patch.setattr(key_fingerprints, "digest_of", cache(key_fingerprints.digest_of))
        yield


@pytest.fixture(autouse=True)
def forked_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let children that read files begin with all that they need; how they begin is tested beside them."""
    monkeypatch.setattr(parent, "_run", run_forked)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    """The sandbox of all tests of this process; each finds it as if it had just begun, see `sandbox`."""
    with SandboxProcess() as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """A sandbox that remembers nothing and answers quickly."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture(scope="session")
def postgres_engine(postgres: PostgresServer) -> Iterator[Engine]:
    engine = make_engine(postgres.create_database(), query_cache_size=_STATEMENTS)
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables and no rows, to copy: quicker than to make the tables anew."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    engine = make_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def kept_sqlite_engine(sqlite_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine of all tests of this process on SQLite, so that no statement is compiled anew for each."""
    engine = make_engine(
        f"sqlite:///{shutil.copy(sqlite_file, tmp_path_factory.mktemp('kept') / 'test.db')}",
        query_cache_size=_STATEMENTS,
    )
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def empty_sqlite(kept_sqlite_engine: Engine, sqlite_file: Path) -> Iterator[Callable[[], None]]:
    """Take from the file of the kept engine what was committed, by writing the pages of the empty one over it."""
    used_file = str(kept_sqlite_engine.url.database)
    with closing(sqlite3.connect(sqlite_file)) as empty, closing(sqlite3.connect(used_file)) as used:
        used.execute("PRAGMA synchronous = OFF")
        # It changes when others commit, and not by what this connection writes.
        versions = [_version(used)]

        def do() -> None:
            if _version(used) != versions[-1]:
                empty.backup(used)
                versions.append(_version(used))

        yield do


def _version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return found


@pytest.fixture
def sqlite_engine(kept_sqlite_engine: Engine, empty_sqlite: Callable[[], None]) -> Iterator[Engine]:
    """An engine on SQLite with all tables and no rows, for what does not depend on the database."""
    yield kept_sqlite_engine
    empty_sqlite()
    forget_marks(kept_sqlite_engine)


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine with all tables and no rows, once for each database."""
    engine = request.getfixturevalue(f"{request.param}_engine")
    yield engine
    if request.param == "postgres":
        empty_tables(engine)


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    return make_sessions(engine)


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session whose transaction is rolled back at the end."""
    with sessions() as session:
        yield session
        session.rollback()


@pytest.fixture(scope="session")
def vault() -> Vault:
    return Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
