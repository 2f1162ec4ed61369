"""Several workers of one machine start together, are replaced when they die, and end together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from campaigns.cli import main
from tests.delivery.serving import children_of
from tests.postgres import empty_tables
from tests.web.pages import KEYS

PATIENCE_SECONDS = 30


@pytest.fixture
def engine(postgres_engine: Engine) -> Iterator[Engine]:
    yield postgres_engine
    empty_tables(postgres_engine)


@pytest.fixture
def supervisor(engine: Engine) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor of two workers that are up."""
    command = [sys.executable, "-m", "campaigns.cli", "worker", "--processes", "2"]
    environ = KEYS | {
        "FINGERPOST_MODE": "demo",
        "FINGERPOST_DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }
    process = subprocess.Popen(command, env=os.environ | environ)
    try:
        wait_until(lambda: count_living(engine) == 2)
        yield process
    finally:
        process.kill()
        process.wait()
        wait_until(lambda: count_living(engine) == 0)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.1)


def count_living(engine: Engine) -> int:
    """Count workers that were heard of within the last two seconds."""
    living = text("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '2 seconds'")
    with engine.connect() as connection:
        count: int = connection.scalars(living).one()
        return count


def workers_of(supervisor: subprocess.Popen[bytes]) -> set[int]:
    """Return the ids of its worker processes, without the one in which Python keeps track of shared things."""
    found = set()
    for pid in children_of(supervisor.pid):
        if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"):
            found.add(pid)
    return found


def test_dead_worker_is_replaced(engine: Engine, supervisor: subprocess.Popen[bytes]) -> None:
    before = workers_of(supervisor)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(workers_of(supervisor) - before) == 1)
    assert before - {victim} < workers_of(supervisor)


def test_sigterm_ends_all_in_time(engine: Engine, supervisor: subprocess.Popen[bytes]) -> None:
    workers = workers_of(supervisor)
    supervisor.terminate()
    assert supervisor.wait(timeout=15) == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in workers)


@pytest.mark.long
def test_orphans_end_by_themselves(engine: Engine, supervisor: subprocess.Popen[bytes]) -> None:
    workers = workers_of(supervisor)
    supervisor.kill()
    supervisor.wait()
    wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT count(*) FROM procrastinate_workers")).one() == 0


def test_sqlite_has_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        **KEYS,
        "FINGERPOST_MODE": "demo",
        "FINGERPOST_DATABASE_URL": "sqlite:///nowhere.db",
    }.items():
        monkeypatch.setenv(name, value)
    answer = CliRunner().invoke(main, ["worker", "--processes", "2"])
    assert answer.exit_code == 2
    assert "On SQLite one process writes at a time" in answer.output
