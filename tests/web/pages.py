"""Fixtures for page tests: the real application on a prepared database, with signed-in clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from campaigns import now
from campaigns.app import create_app
from campaigns.audience.figures import init_counts
from campaigns.core import clock
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.settings import Settings, load_settings
from campaigns.delivery.monitoring.run_page import init_looking
from campaigns.public_pages.service import Profile, set_profile
from campaigns.readiness.health import HealthLook
from campaigns.schema import metadata
from campaigns.staff.audit import ChainLooks
from campaigns.staff.models import Member, Organisation, Role
from campaigns.staff.queries import find_organisation
from campaigns.upkeep import COUNTS
from campaigns.web.current import settings
from campaigns.web.guards.throttle import Throttle
from campaigns.web.session import database
from tests.factories import a_member, an_organisation

#: 32 bytes each, in base64; the `vault` fixture of conftest.py has the same keys.
KEYS = {
    "FINGERPOST_ENCRYPTION_KEYS": "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "FINGERPOST_LOOKUP_KEY": "bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGw=",
    "FINGERPOST_SECRET_KEY": "a secret key that only the tests know",
    # Tests that want a sandbox have one of their own.
    "FINGERPOST_STARTS_SANDBOX": "false",
}
#: Templates as they were compiled last, by what is in them: each application would compile all of them anew.
TEMPLATES = FileSystemBytecodeCache()
#: The applications of this process by their databases and settings, as one serves all requests: to make one takes
#: longer than most tests.
_APPS: dict[tuple[str, frozenset[tuple[str, str]]], Flask] = {}
#: Account and token by which callbacks are signed.
CALLBACK_CREDENTIAL = "AC00000000000000000000000000000000:token"


def page_settings(engine: Engine, **changes: str) -> Settings:
    """Settings of a demo instance on `engine`'s database; `changes` are setting names and values."""
    values = KEYS | {
        "FINGERPOST_MODE": "demo",
        "FINGERPOST_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "FINGERPOST_SECRET_TWILIO": CALLBACK_CREDENTIAL,
    }
    return load_settings(values | {f"FINGERPOST_{name.upper()}": value for name, value in changes.items()})


@dataclass
class Pages:
    """An application with two organisations; `ours` is the one that clients belong to."""

    app: Flask
    sessions: sessionmaker[Session]
    ours: Organisation
    theirs: Organisation

    def member(self, *roles: Role, organisation: Organisation | None = None, **changes: object) -> Member:
        """Add a member with `roles` (author when none is given) to `ours` or another organisation."""
        with self.sessions.begin() as session:
            return a_member(session, organisation or self.ours, *roles, **changes)

    def client(self, member: Member | None = None) -> FlaskClient:
        """A client signed in as `member` a moment ago, or an anonymous one."""
        client = self.app.test_client()
        if member is not None:
            with client.session_transaction() as cookie:
                cookie["_user_id"] = member.fs_uniquifier
                cookie["_fresh"] = True
                cookie["fs_paa"] = time.time()
        return client


def owned(changes: dict[str, str]) -> dict[str, str]:
    """Add to changes of settings that every credential is that of `Pages.ours`, unless they say whose it is.

    One whose owners are "" is nobody's.
    """
    names = ["twilio", *(name.removeprefix("secret_") for name in changes if name.startswith("secret_"))]
    whole = {f"owners_{name}": "ours" for name in names if name != "key"} | changes
    return {name: value for name, value in whole.items() if value or not name.startswith("owners_")}


def _application(settings: Settings) -> Flask:
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    app.jinja_env.bytecode_cache = TEMPLATES
    return app


@contextmanager
def make_pages(engine: Engine, **changes: str) -> Iterator[Pages]:
    """Run the application on an empty database; forms need no token, `changes` are settings.

    It is the same as for others with these settings, but begins anew.
    """
    with _pages_of(_kept(engine, changes), make_sessions(engine)) as pages:
        yield pages


@contextmanager
def make_own_pages(engine: Engine, **changes: str) -> Iterator[Pages]:
    """Do the same with an application of its own, for a test that changes it."""
    app = _application(page_settings(engine, **owned(changes)))
    init_counts(app, at_once=COUNTS)
    with _pages_of(app, make_sessions(engine)) as pages:
        yield pages


def _kept(engine: Engine, changes: dict[str, str]) -> Flask:
    key = str(engine.url), frozenset(changes.items())
    if key not in _APPS:
        _APPS[key] = _application(page_settings(engine, **owned(changes)))
    app = _APPS[key]
    # These are all things that it remembers from one request to the next.
    init_counts(app, at_once=COUNTS)
    app.extensions["openings_throttle"], app.extensions["chain_looks"] = Throttle(), ChainLooks()
    app.extensions["people"].kept.forget()
    init_looking(app)
    return app


@contextmanager
def _pages_of(app: Flask, sessions: sessionmaker[Session]) -> Iterator[Pages]:
    with sessions.begin() as session:
        # Another application may have added them to this database.
        new = {"created_at": clock.now()}
        ours, theirs = (
            find_organisation(session, slug) or an_organisation(session, name=slug.title(), slug=slug, **new)
            for slug in ("ours", "theirs")
        )
    with app.app_context():
        # What was found in the test before is no news.
        now.init_health(app, HealthLook(database.engine, settings()))
    yield Pages(app=app, sessions=sessions, ours=ours, theirs=theirs)
    let_go(app)


def let_go(app: Flask) -> None:
    """Close the connections that an application keeps; at its next request it opens others."""
    with app.app_context():
        database.engine.dispose()


@contextmanager
def pages_on_file(folder: Path, **changes: str) -> Iterator[Pages]:
    """Run the application on a new SQLite file in `folder`."""
    engine = make_engine(f"sqlite:///{folder / 'pages.db'}")
    metadata.create_all(engine)
    with make_own_pages(engine, **changes) as pages:
        yield pages
    engine.dispose()


@pytest.fixture
def pages(engine: Engine) -> Iterator[Pages]:
    """The application with two organisations, once for each kind of database."""
    with make_pages(engine) as pages:
        yield pages


@pytest.fixture
def own_pages(engine: Engine) -> Iterator[Pages]:
    """The same with an application of its own, for a test that changes it."""
    with make_own_pages(engine) as pages:
        yield pages


@pytest.fixture
def app(pages: Pages) -> Flask:
    """The application itself."""
    return pages.app


@pytest.fixture
def people(pages: Pages) -> FlaskClient:
    """Somebody who reads, without a name, the pages for people of `ours`, which are open."""
    admin = pages.member(Role.ADMIN)
    profile = Profile(is_open=True, shown_name="Anna House", contact="a@b.example")
    with pages.sessions.begin() as session:
        set_profile(session, pages.ours.id, profile, by=admin.id)
    return pages.client()


@pytest.fixture
def client_for(pages: Pages) -> Callable[..., FlaskClient]:
    """`client_for(Role.AUTHOR)`: a client signed in as a new member of `pages.ours` with these roles."""
    return lambda *roles: pages.client(pages.member(*roles))
