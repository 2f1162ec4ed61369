"""Each request has a database session; a request that only reads runs in a read-only transaction.

A request that takes a file reads first too (`reads_first`): on SQLite a transaction that may write holds up every
other one, stops by SMS among them, and nobody knows how long a file takes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask, Response, after_this_request, g, request
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.continuity.journal import KEY, journal_of
from campaigns.core.database import ClosingPool, limit_web_sessions, make_sessions, prepare, wire_of
from campaigns.core.settings import Settings
from campaigns.front.peer_limits import THREADS

_log = logging.getLogger(__name__)

database = SQLAlchemy(session_options={"expire_on_commit": False})

#: Connections of a process that wait for the next request.
KEPT_CONNECTIONS = 8

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

View = TypeVar("View", bound=Callable[..., Any])


def session() -> Session:
    """Return the session of the current request (or application context); the edge commits it, nobody else."""
    return database.session


def let_go() -> None:
    """End the transaction of this request before something slow, such as hashing; what it wrote is undone.

    Meanwhile it holds no connection and, on SQLite, not the writer's lock. What a request that may write has read
    is read anew when it is looked at again.
    """
    if request.method in SAFE_METHODS:
        # Nothing was written, and what was read stays as it is.
        database.session.commit()
    else:
        database.session.rollback()


@contextmanager
def writing_apart() -> Iterator[Session]:
    """Write in a transaction that is committed at the end of the block, whatever becomes of the request.

    For what must be on disk before the answer, or although the request only reads or is refused. The request's own
    transaction ends before (see `let_go`): on SQLite it could wait for itself, and of requests that hold one
    connection while they wait for another, a few exhaust the pool.
    """
    let_go()
    with make_sessions(database.engine).begin() as session:
        yield session


def write_afterwards(write: Callable[[Session], None], *, otherwise: str) -> None:
    """Write once the page is made: with what the request wrote, or apart where it only reads.

    A page that was asked for does not fail because the database is busy: the log says what happened `otherwise`.
    """

    @after_this_request
    def write_then(response: Response) -> Response:
        if request.method not in SAFE_METHODS:
            write(session())
            return response
        try:
            with writing_apart() as apart:
                write(apart)
        except OperationalError:
            _log.warning("%s", otherwise, exc_info=True)
        return response


def refuse_commit() -> None:
    """Undo what this request did so far and commit nothing, because an error is shown instead of raised.

    At once, not only at the edge: the page that shows the error reads again, and must not flush half a change.
    """
    g.refused = True
    database.session.rollback()


def reads_first(view: View) -> View:
    """Let the transaction of a view only read, whatever the method, until it calls `begin_writing`."""
    view.reads_first = True  # type: ignore[attr-defined] # read when a request begins
    return view


def begin_writing() -> None:
    """Let a request that read first write from here on, in a new transaction."""
    let_go()
    database.session.bind = database.engine


def init_database(app: Flask, settings: Settings) -> None:
    """Connect `app` to the configured database and put the commit edge around its requests."""
    url = _anchored(settings.database_url)
    options = {
        "poolclass": ClosingPool,
        "pool_pre_ping": True,
        "hide_parameters": True,
        "connect_args": wire_of(url),
        # Nobody waits for a connection while others wait for a lock with theirs: each thread may have one, and so
        # may the intake of receipts. Few are kept for later: those of a server are few, and a worker needs some.
        "pool_size": KEPT_CONNECTIONS,
        "max_overflow": THREADS + 4 - KEPT_CONNECTIONS,
        "pool_timeout": 10,
    }
    app.config["SQLALCHEMY_ENGINES"] = {"default": {"url": url, **options}}
    engine = _connect(app)
    prepare(engine)
    limit_web_sessions(engine)
    # PostgreSQL refuses a write in it; SQLite begins it without asking for the writer's lock.
    journal = journal_of(engine.url, settings.state_path)
    reader = engine.execution_options(read_only=True, **_postgresql_only(engine.dialect.name))

    @app.before_request
    def begin() -> None:
        view = app.view_functions.get(request.endpoint or "")
        if request.method in SAFE_METHODS or getattr(view, "reads_first", False):
            database.session.bind = reader
        if request.method not in SAFE_METHODS:
            database.session.info[KEY] = journal

    @app.after_request
    def commit(response: Response) -> Response:
        if request.method not in SAFE_METHODS:
            if response.status_code < 400 and not g.get("refused", False):
                database.session.commit()
            else:
                database.session.rollback()
        return response


def _connect(app: Flask) -> Engine:
    database.init_app(app)
    # It would start a thread and a loop at the end of each request, to close sessions that nobody opens.
    app.teardown_appcontext_funcs = [end for end in app.teardown_appcontext_funcs if not iscoroutinefunction(end)]
    with app.app_context():
        return database.engine


def _anchored(address: str) -> URL:
    # The extension would look for a relative file in a folder of its own, not where the worker does.
    url = make_url(address)
    if url.get_backend_name() == "sqlite" and url.database:
        return url.set(database=str(Path(url.database).absolute()))
    return url


def _postgresql_only(dialect: str) -> dict[str, bool]:
    return {"postgresql_readonly": True} if dialect == "postgresql" else {}
