"""Of the workers of one SQLite file the one that holds the leader lock serves lanes, and gives signs of life."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from campaigns.core import clock
from campaigns.core.database import make_sessions
from campaigns.core.errors import SettingsError
from campaigns.core.keys.crypto import Vault
from campaigns.core.processes.steady import ClockGuard
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.leader_store import LeaderStore
from campaigns.delivery.lanes.leader_lock import SUFFIX, LeaderLock, seconds_silent
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.planning.models import Run
from tests.delivery.builders import a_running_run


@pytest.fixture
def lock_of() -> Iterator[Callable[[Path | str | None], LeaderLock]]:
    """Make leader locks that are dropped at the end."""
    with ExitStack() as stack:

        def make(database: Path | str | None) -> LeaderLock:
            lock = LeaderLock(None if database is None else str(database))
            stack.callback(lock.drop)
            return lock

        yield make


@pytest.fixture
def first(lock_of: Callable[[Path], LeaderLock], tmp_path: Path) -> LeaderLock:
    return lock_of(tmp_path / "a.db")


@pytest.fixture
def second(lock_of: Callable[[Path], LeaderLock], tmp_path: Path) -> LeaderLock:
    return lock_of(tmp_path / "a.db")


def test_one_holds_it_at_a_time(first: LeaderLock, second: LeaderLock) -> None:
    assert [first.take(), second.take(), first.take()] == [True, False, True]


def test_next_one_has_it_when_it_is_dropped(first: LeaderLock, second: LeaderLock) -> None:
    first.take()
    first.drop()
    assert [first.take(), second.take()] == [False, True]


def test_waiting_is_told_once(first: LeaderLock, second: LeaderLock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    first.take()
    second.take()
    second.take()
    assert caplog.text.count("takes over when it ends") == 1


def test_same_file_by_another_path_has_the_same_leader_lock(
    first: LeaderLock, lock_of: Callable[[Path], LeaderLock], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    first.take()
    assert not lock_of(tmp_path / "link" / "a.db").take()


def test_other_file_has_another(first: LeaderLock, lock_of: Callable[[Path], LeaderLock], tmp_path: Path) -> None:
    first.take()
    assert lock_of(tmp_path / "b.db").take()


@pytest.mark.parametrize("database", [None, "", ":memory:"])
def test_database_in_memory_needs_none(database: str | None, lock_of: Callable[[str | None], LeaderLock]) -> None:
    assert lock_of(database).take()


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot write .*a\.db-baton, beside its database: No such file"):
        LeaderLock(str(tmp_path / "nowhere" / "a.db"))


def test_place_that_knows_no_locks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(SettingsError, match="No locks available"):
        LeaderLock(str(tmp_path / "a.db"))


def test_lanes_of_a_snapshot_follow_it(
    sqlite_engine: Engine, vault: Vault, first: LeaderLock, second: LeaderLock
) -> None:
    sessions = make_sessions(sqlite_engine)
    holding, waiting = LeaderStore(sessions, vault, first), LeaderStore(sessions, vault, second)
    lane = 1, False
    assert [holding.snapshot().is_ours(lane), waiting.snapshot().is_ours(lane)] == [True, False]
    first.drop()
    assert [holding.snapshot().is_ours(lane), waiting.snapshot().is_ours(lane)] == [False, True]


def test_wrong_clock_serves_no_lane(
    sqlite_engine: Engine, vault: Vault, first: LeaderLock, tmp_path: Path
) -> None:
    """It claims nothing from the moment it was set, and gives no sign of life, so that members are told."""
    sessions = make_sessions(sqlite_engine)
    store = LeaderStore(sessions, vault, first, ClockGuard(is_kept=lambda: False))
    with sessions.begin() as session:
        run_id = a_running_run(session, vault, count=1).id
        sender_id = session.get_one(Run, run_id).sender_id
    ask = Ask(Line(sender_id), run_id, 0, 10)
    with clock.running_on(lambda: datetime.now(UTC) + timedelta(days=2)):
        assert not store.exchange((), ask).taken
        os.utime(f"{tmp_path / 'a.db'}{SUFFIX}", times=(0, 0))
        assert not store.snapshot().is_ours((sender_id, False))
        silence = seconds_silent(str(tmp_path / "a.db"))
        assert silence is not None
        assert silence > 60
    assert store.snapshot().is_ours((sender_id, False))
    assert store.exchange((), ask).taken == 1


def test_last_sign_is_known_to_the_next(
    first: LeaderLock, lock_of: Callable[[Path], LeaderLock], tmp_path: Path
) -> None:
    assert first.last_sign() is None
    first.take()
    first.drop()
    then = datetime(2022, 3, 14, 12, tzinfo=UTC)
    os.utime(f"{tmp_path / 'a.db'}{SUFFIX}", times=(then.timestamp(), then.timestamp()))
    assert lock_of(tmp_path / "a.db").last_sign() == then


def test_holder_gives_signs_of_life(first: LeaderLock, second: LeaderLock, tmp_path: Path) -> None:
    database = str(tmp_path / "a.db")
    for lock, is_a_sign in ((second, True), (first, False), (second, True)):
        os.utime(f"{database}{SUFFIX}", times=(0, 0))
        lock.take()
        silence = seconds_silent(database)
        assert silence is not None
        assert (silence < 60) is is_a_sign


@pytest.mark.parametrize("database", [None, ":memory:", "nowhere.db"])
def test_database_without_a_worker_is_silent(database: str | None) -> None:
    assert seconds_silent(database) is None
