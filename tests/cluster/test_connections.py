"""A worker that hangs, or vanished with its machine, holds up nobody by what it has locked."""

from __future__ import annotations

from typing import Any, Self

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from campaigns.app import create_app
from campaigns.core import database
from campaigns.core.database import CUT_OFF_SECONDS, limit_web_sessions, make_engine, make_worker_engine, wire_of
from campaigns.web.session import database as web_database
from campaigns.web.session import session
from tests.web.pages import page_settings

LIMITS = {
    "idle_in_transaction_session_timeout": "15s",
    "lock_timeout": "5s",
    "synchronous_commit": "on",
}
LOCK = text("SELECT pg_advisory_xact_lock(1)")


def test_sleeper_loses_what_it_locked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "ASLEEP_SECONDS", 1)
    worker = make_worker_engine(engine.url.render_as_string(hide_password=False))
    with worker.connect() as asleep, engine.connect() as other:
        asleep.execute(LOCK)
        other.execute(text("SET LOCAL lock_timeout = '20s'"))
        other.execute(LOCK)
        with pytest.raises(DBAPIError) as told:
            asleep.execute(text("SELECT 1"))
        assert told.value.connection_invalidated
    with worker.connect() as awake:
        assert awake.scalar(text("SELECT 1")) == 1
    worker.dispose()


def test_server_looks_for_lost_workers(engine: Engine) -> None:
    worker = make_worker_engine(engine.url.render_as_string(hide_password=False))
    with worker.connect() as connection:
        # Of a socket on this machine the server says 0: there is no network to lose.
        assert connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
        chosen = text("SELECT setting FROM pg_settings WHERE name = 'tcp_user_timeout'")
        assert int(connection.scalars(chosen).one()) in (0, CUT_OFF_SECONDS * 1000)
        wire = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    assert (wire["keepalives_idle"], wire["tcp_user_timeout"]) == ("3", "12000")
    worker.dispose()


def test_frozen_page_loses_what_it_locked(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WEB_ASLEEP_SECONDS", 1)
    pages = make_engine(engine.url.render_as_string(hide_password=False))
    limit_web_sessions(pages)
    with pages.connect() as asleep, engine.connect() as other:
        asleep.execute(LOCK)
        other.execute(text("SET LOCAL lock_timeout = '20s'"))
        other.execute(LOCK)
        with pytest.raises(DBAPIError) as told:
            asleep.execute(text("SELECT 1"))
        assert told.value.connection_invalidated
    pages.dispose()


def test_page_does_not_wait_for_ever(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WEB_LOCK_SECONDS", 1)
    pages = make_engine(engine.url.render_as_string(hide_password=False))
    limit_web_sessions(pages)
    with engine.connect() as holder, pages.connect() as waiting:
        holder.execute(LOCK)
        # So that this test ends in any case.
        waiting.execute(text("SET LOCAL statement_timeout = '20s'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            waiting.execute(LOCK)
    pages.dispose()


def test_pages_are_limited(engine: Engine) -> None:
    app = create_app(page_settings(engine))
    with app.app_context():
        shown = {name: session().scalar(text(f"SHOW {name}")) for name in LIMITS}
        wire = session().connection().connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
        session().rollback()
        web_database.engine.dispose()
    assert shown == LIMITS
    assert {name: int(wire[name]) for name in wire_of(engine.url)} == wire_of(engine.url)


def test_server_is_told_to_look_for_who_is_gone(engine: Engine) -> None:
    """Of a socket on this machine it shows 0 whatever it was told, so this looks at what it is told."""
    told: dict[str, int] = {}

    class Noting(psycopg.Cursor[Any]):
        def execute(self, query: Any, *arguments: Any, **options: Any) -> Self:
            if str(query).startswith("SET tcp_"):
                _, name, _, value = str(query).split()
                told[name] = int(value)
            return super().execute(query, *arguments, **options)

    pages = make_engine(engine.url.render_as_string(hide_password=False), connect_args={"cursor_factory": Noting})
    limit_web_sessions(pages)
    with pages.connect():
        pass
    pages.dispose()
    probing = told["tcp_keepalives_idle"] + told["tcp_keepalives_interval"] * told["tcp_keepalives_count"]
    assert (probing, told["tcp_user_timeout"]) == (CUT_OFF_SECONDS, CUT_OFF_SECONDS * 1000)
