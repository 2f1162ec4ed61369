"""The request's database session; a request that only reads runs in a read-only transaction."""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, g, request
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import URL, make_url
from sqlalchemy.orm import Session

from campaigns.continuity.journal import KEY, journal_of
from campaigns.core.database import limit_web_sessions, prepare, wire_of
from campaigns.core.settings import Settings

database = SQLAlchemy(session_options={"expire_on_commit": False})

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def session() -> Session:
    """Return the session of the current request (or application context); the edge commits it, nobody else."""
    return database.session


def refuse_commit() -> None:
    """Undo what this request did so far and commit nothing, because an error is shown instead of raised.

    At once, not only at the edge: the page that shows the error reads again, and must not flush half a change.
    """
    g.refused = True
    database.session.rollback()


def init_database(app: Flask, settings: Settings) -> None:
    """Connect `app` to the configured database and put the commit edge around its requests."""
    url = _anchored(settings.database_url)
    options = {"pool_pre_ping": True, "hide_parameters": True, "connect_args": wire_of(url)}
    app.config["SQLALCHEMY_ENGINES"] = {"default": {"url": url, **options}}
    database.init_app(app)
    with app.app_context():
        engine = database.engine
    prepare(engine)
    limit_web_sessions(engine)
    # PostgreSQL refuses a write in it; SQLite begins it without asking for the writer's lock.
    journal = journal_of(engine.url, settings.state_path)
    reader = engine.execution_options(read_only=True, **_postgresql_only(engine.dialect.name))

    @app.before_request
    def begin() -> None:
        if request.method in SAFE_METHODS:
            database.session.bind = reader
        else:
            database.session.info[KEY] = journal

    @app.after_request
    def commit(response: Response) -> Response:
        if request.method not in SAFE_METHODS:
            if response.status_code < 400 and not g.get("refused", False):
                database.session.commit()
            else:
                database.session.rollback()
        return response


def _anchored(address: str) -> URL:
    # The extension would look for a relative file in a folder of its own, not where the worker does.
    url = make_url(address)
    if url.get_backend_name() == "sqlite" and url.database:
        return url.set(database=str(Path(url.database).absolute()))
    return url


def _postgresql_only(dialect: str) -> dict[str, bool]:
    return {"postgresql_readonly": True} if dialect == "postgresql" else {}
