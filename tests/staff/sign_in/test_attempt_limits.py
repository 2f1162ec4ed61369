"""Limits hold for all processes together, leak away with time, and count an attempt before it is looked at."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_sessions
from campaigns.staff.models import LeakyBucket
from campaigns.staff.sign_in import attempt_limits
from campaigns.staff.sign_in.attempt_limits import Limit, empty, is_full, key_of, pour, pour_back
from tests.factories import NOON
from tests.postgres import empty_tables

QUARTER = timedelta(minutes=15)
PAIR, NETWORK = Limit("a" * 64, 3, QUARTER), Limit("b" * 64, 5, QUARTER)


def test_full_bucket_takes_one_more_after_its_part_of_the_window(session: Session) -> None:
    assert [pour(session, [PAIR], now=NOON) for _ in range(4)] == [True, True, True, False]
    assert is_full(session, [PAIR], now=NOON)
    later = NOON + PAIR.part
    assert not is_full(session, [PAIR], now=later)
    assert [pour(session, [PAIR], now=later) for _ in range(2)] == [True, False]
    assert [pour(session, [PAIR], now=later + QUARTER) for _ in range(4)] == [True, True, True, False]


def test_one_full_bucket_refuses_without_filling_the_others(session: Session) -> None:
    for _ in range(3):
        assert pour(session, [PAIR, NETWORK], now=NOON)
    for _ in range(9):
        assert not pour(session, [PAIR, NETWORK], now=NOON)
    assert [pour(session, [NETWORK], now=NOON) for _ in range(3)] == [True, True, False]


def test_what_should_not_have_counted_is_taken_back(session: Session) -> None:
    for _ in range(3):
        pour(session, [PAIR], now=NOON)
    pour_back(session, [PAIR, NETWORK])
    assert [pour(session, [PAIR], now=NOON) for _ in range(2)] == [True, False]
    empty(session, [PAIR])
    assert [pour(session, [PAIR], now=NOON) for _ in range(4)] == [True, True, True, False]


def test_what_leaked_away_leaves_no_row(session: Session) -> None:
    for number in range(20):
        pour(session, [Limit(f"{number:064}", 3, QUARTER)], now=NOON)
    pour(session, [PAIR], now=NOON + QUARTER)
    assert session.scalar(select(func.count()).select_from(LeakyBucket)) == 1


def test_of_many_at_once_no_more_are_counted_than_allowed(sessions: sessionmaker[Session]) -> None:
    """As many processes do: each attempt in a transaction of its own, with buckets in another order."""

    def attempt(number: int) -> bool:
        limits = [PAIR, NETWORK] if number % 2 else [NETWORK, PAIR]
        with sessions.begin() as session:
            return pour(session, limits, now=NOON)

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(40))) == PAIR.most


def test_bucket_that_another_removes_meanwhile_is_made_anew(
    postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL alone: SQLite has one writer at a time."""
    sessions = make_sessions(postgres_engine)
    with sessions.begin() as session:
        assert pour(session, [PAIR], now=NOON - QUARTER)
    removed: list[str] = []

    def remove_first(keys: Iterable[str]) -> Select[LeakyBucket]:
        if not removed:
            removed.extend(keys)
            with sessions.begin() as other:
                empty(other, [PAIR])
        return locking(keys)

    locking = attempt_limits._locking
    monkeypatch.setattr(attempt_limits, "_locking", remove_first)
    with sessions.begin() as session:
        assert pour(session, [PAIR], now=NOON)
    empty_tables(postgres_engine)


def test_keys_name_nobody_to_whom_the_secret_is_unknown() -> None:
    key = key_of("secret", "account", "olena@example.org")
    assert len(key) == 64
    assert key != key_of("other", "account", "olena@example.org")
    assert key_of("secret", "a", "bc") != key_of("secret", "ab", "c")
    assert key_of("secret", "\ud800")
