"""Fixtures for page tests: the real application on a prepared database, with signed-in clients."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from campaigns.app import create_app
from campaigns.core.settings import Settings, load_settings
from campaigns.staff.models import Member, Organisation, Role
from campaigns.web.session import database
from tests.factories import a_member, an_organisation

#: 32 bytes each, in base64; the `vault` fixture of conftest.py has the same keys.
KEYS = {
    "FINGERPOST_ENCRYPTION_KEYS": "1:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "FINGERPOST_LOOKUP_KEY": "bGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGxsbGw=",
    "FINGERPOST_SECRET_KEY": "a secret key that only the tests know",
}


def page_settings(engine: Engine, **changes: str) -> Settings:
    """Settings of a demo instance on `engine`'s database; `changes` are setting names and values."""
    address = engine.url.render_as_string(hide_password=False)
    values = KEYS | {"FINGERPOST_MODE": "demo", "FINGERPOST_DATABASE_URL": address}
    return load_settings(values | {f"FINGERPOST_{name.upper()}": value for name, value in changes.items()})


@pytest.fixture
def app(engine: Engine) -> Iterator[Flask]:
    """The application on an empty database (once for each kind); forms need no token."""
    app = create_app(page_settings(engine))
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    with app.app_context():
        database.engine.dispose()


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
        """A client signed in as `member`, or an anonymous one."""
        client = self.app.test_client()
        if member is not None:
            with client.session_transaction() as cookie:
                cookie["_user_id"] = member.fs_uniquifier
                cookie["_fresh"] = True
                cookie["fs_paa"] = time.time()
        return client


@pytest.fixture
def pages(app: Flask, sessions: sessionmaker[Session]) -> Pages:
    """The application with two organisations."""
    with sessions.begin() as session:
        ours, theirs = an_organisation(session, name="Ours"), an_organisation(session, name="Theirs")
    return Pages(app=app, sessions=sessions, ours=ours, theirs=theirs)


@pytest.fixture
def client_for(pages: Pages) -> Callable[..., FlaskClient]:
    """`client_for(Role.AUTHOR)`: a client signed in as a new member of `pages.ours` with these roles."""
    return lambda *roles: pages.client(pages.member(*roles))
