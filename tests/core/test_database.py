"""Column types and id reservation mean the same on both databases."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, literal, select, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from campaigns.core.database import (
    ClosingPool,
    UTCDateTime,
    WallClock,
    check_durability,
    make_engine,
    make_worker_engine,
    ordered_token,
    reserve_ids,
)
from campaigns.core.errors import SettingsError
from campaigns.core.settings import PROJECT_ROOT, load_settings
from campaigns.staff.models import Organisation
from campaigns.web.session import database, init_database
from tests.factories import an_organisation
from tests.postgres import PostgresServer


def web_engine(url: str) -> Engine:
    app = Flask("test")
    init_database(app, load_settings({"FINGERPOST_DATABASE_URL": url}))
    with app.app_context():
        return database.engine


def set_to(postgres: PostgresServer, value: str) -> str:
    """Return the address of a database whose commits are set to wait as `value` says."""
    url = postgres.create_database()
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text(f'ALTER DATABASE "{engine.url.database}" SET synchronous_commit = {value}'))
    engine.dispose()
    return url


@pytest.mark.parametrize("make", [make_engine, make_worker_engine, web_engine])
def test_every_commit_waits_for_the_disk(postgres: PostgresServer, make: Callable[[str], Engine]) -> None:
    engine = make(set_to(postgres, "off"))
    with engine.connect() as connection:
        connection.rollback()
        assert connection.scalar(text("SHOW synchronous_commit")) == "on"
    engine.dispose()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_worker_engine, r"count (\d+)\s+connections for each worker process"),
        (web_engine, r"and\s+(\d+)\s+for\s+each\s+that\s+answers"),
        (web_engine, r"A process has up to (\d+) connections to the\s+database"),
    ],
)
def test_manual_tells_how_many_connections_a_process_has(make: Callable[[str], Engine], words: str) -> None:
    """Whoever sets a server's limit by it would else see workers wait for each other when all are busy."""
    pool = make("postgresql+psycopg://nobody@localhost/none").pool
    assert isinstance(pool, QueuePool)
    manual = (PROJECT_ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert re.findall(words, manual) == [str(pool.size() + pool._max_overflow)]


def test_connection_that_comes_back_late_is_closed(engine: Engine) -> None:
    """It belongs to a pool that is gone: nobody takes it out again, and nobody would close it."""
    own = make_engine(engine.url.render_as_string(hide_password=False))
    late = own.connect()
    driver = late.connection.driver_connection
    own.dispose()
    with own.connect() as new:
        assert new.scalar(text("SELECT 1")) == 1
        late.close()
        with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
            driver.execute("SELECT 1")  # type: ignore[union-attr]
        kept = new.connection.driver_connection
    with own.connect() as again:
        assert again.connection.driver_connection is kept
    own.dispose()


def test_connection_that_is_made_late_is_closed(engine: Engine) -> None:
    """Whoever asked for the pool before it was disposed of takes a connection out of it afterwards."""
    own = make_engine(engine.url.render_as_string(hide_password=False))
    gone = own.pool
    own.dispose()
    late = gone.connect()
    driver = late.driver_connection
    late.close()
    with pytest.raises((sqlite3.ProgrammingError, psycopg.OperationalError), match="closed"):
        driver.execute("SELECT 1")  # type: ignore[union-attr]


@pytest.mark.parametrize("make", [make_engine, make_worker_engine, web_engine])
def test_every_pool_closes_what_comes_late(make: Callable[[str], Engine]) -> None:
    engine = make("postgresql+psycopg://nobody@localhost/none")
    assert isinstance(engine.pool, ClosingPool)
    engine.dispose()
    assert isinstance(engine.pool, ClosingPool)


def test_end_of_a_pool_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """What the house's own log tells at INFO is for who runs it."""
    with caplog.at_level("INFO", "campaigns"):
        make_engine("sqlite://").dispose()
    assert caplog.records == []


def test_stricter_commits_stay_so(postgres: PostgresServer) -> None:
    engine = make_engine(set_to(postgres, "remote_apply"))
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW synchronous_commit")) == "remote_apply"
    engine.dispose()


def test_server_that_may_lose_commits_is_refused(postgres: PostgresServer, sqlite_engine: Engine) -> None:
    if not postgres.can_restart:
        pytest.skip("The server is somebody else's, and durable.")
    check_durability(sqlite_engine)
    careless = make_engine(postgres.create_database())
    with pytest.raises(SettingsError, match="fsync"):
        check_durability(careless)
    careless.dispose()
    with PostgresServer(durable=True) as server:
        careful = make_engine(server.create_database())
        check_durability(careful)
        careful.dispose()
    # Away by now: it is asked for its tables as well before anything is sent.
    check_durability(careful)


def test_times_come_back_as_utc(session: Session) -> None:
    kyiv = timezone(timedelta(hours=2))
    organisation = an_organisation(session, created_at=datetime(2026, 3, 1, 14, 0, tzinfo=kyiv))
    session.expire(organisation)
    assert organisation.created_at == datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert organisation.created_at.utcoffset() == timedelta(0)


def test_naive_time_is_refused(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(StatementError, match="naive"):
        connection.execute(select(literal(datetime(2026, 3, 1), UTCDateTime())))


def test_wall_clock_refuses_a_zone(engine: Engine) -> None:
    with engine.connect() as connection, pytest.raises(StatementError, match="no zone"):
        connection.execute(select(literal(datetime(2026, 3, 1, tzinfo=UTC), WallClock())))


def test_tokens_differ_by_row(session: Session) -> None:
    for _ in range(3):
        an_organisation(session)
    tokens = session.scalars(select(ordered_token()).select_from(Organisation)).all()
    assert len(set(tokens)) == 3
    assert all(len(token) == 32 and int(token, 16) >= 0 for token in tokens)


def test_later_token_stands_later_and_tells_only_when_it_was_made(session: Session) -> None:
    begun = time.time()
    tokens = []
    for _ in range(20):
        tokens.append(session.scalar(select(ordered_token())) or "")
        time.sleep(0.002)
    assert tokens == sorted(tokens)
    made_at = [int(token[:14], 16) / 1e6 for token in tokens]
    assert begun - 1 < made_at[0]
    assert made_at[-1] < time.time() + 1
    assert len({token[14:] for token in tokens}) == 20


def test_reserved_ids_are_free(session: Session) -> None:
    taken = an_organisation(session).id
    ids = list(reserve_ids(session, Organisation, 3))
    assert len(set(ids)) == 3
    assert taken not in ids


def test_errors_hold_no_value(session: Session) -> None:
    an_organisation(session, slug="taken")
    with pytest.raises(IntegrityError) as caught:
        an_organisation(session, slug="taken", name="a private text")
    assert "a private text" not in str(caught.value)
