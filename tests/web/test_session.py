"""The edge commits what succeeded, nothing else, and reading never waits for a writer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import abort
from sqlalchemy import Engine, select, text

from campaigns.app import create_app
from campaigns.core.database import make_engine
from campaigns.core.errors import GateError, InputError
from campaigns.core.settings import load_settings
from campaigns.front.peer_limits import THREADS
from campaigns.readiness.instance import enrol_keys
from campaigns.staff.models import Organisation
from campaigns.web.forms import Form
from campaigns.web.session import database, session
from tests.factories import an_organisation
from tests.web.pages import KEYS, Pages, page_settings

pytestmark = pytest.mark.one_database


def names(pages: Pages) -> set[str]:
    with pages.sessions() as own:
        return set(own.scalars(select(Organisation.name)))


def refuse_by_form() -> str:
    Form().show(InputError("No."))
    return "page"


def refuse_by_error() -> str:
    raise GateError("No.")


@pytest.mark.parametrize(
    ("end", "kept"),
    [(lambda: "page", True), (lambda: abort(404), False), (refuse_by_form, False), (refuse_by_error, False)],
)
def test_only_success_is_committed(own_pages: Pages, end: Callable[[], str], kept: bool) -> None:
    def act() -> str:
        an_organisation(session(), name="Written")
        return end()

    own_pages.app.add_url_rule("/act", "act", act, methods=["POST"])
    own_pages.client().post("/act")
    assert ("Written" in names(own_pages)) is kept


def test_end_of_a_request_starts_no_thread(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    client, started, start = pages.client(), list[threading.Thread](), threading.Thread.start

    def noted(thread: threading.Thread) -> None:
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noted)
    assert client.get("/sign-in").status_code == 200
    assert started == []


def test_reading_request_cannot_write(own_pages: Pages) -> None:
    own_pages.app.add_url_rule("/read", "read", lambda: an_organisation(session(), name="Written").name)
    own_pages.client().get("/read")
    assert "Written" not in names(own_pages)


@pytest.mark.both_databases
def test_reading_does_not_wait_for_a_writer(pages: Pages, engine: Engine) -> None:
    member = pages.member()
    with pages.sessions() as starting:
        # As each process does once that starts.
        enrol_keys(starting, page_settings(engine))
    with pages.sessions.begin() as writer:
        writer.execute(text("UPDATE organisation SET name = 'Being written'"))
        assert pages.client(member).get("/").status_code == 200


def test_each_thread_and_the_intake_may_have_a_connection(pages: Pages) -> None:
    with pages.app.app_context(), ExitStack() as stack:
        for _ in range(THREADS + 2):
            stack.enter_context(database.engine.connect())


def test_relative_file_is_where_the_worker_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.core.settings.PROJECT_ROOT", tmp_path)
    settings = load_settings(KEYS | {"FINGERPOST_DATABASE_URL": "sqlite:///own.db", "FINGERPOST_MODE": "demo"})
    engine = make_engine(settings.database_url)
    engine.connect().close()
    engine.dispose()
    with create_app(settings).app_context():
        assert database.engine.url.database == str(tmp_path / "own.db")
        assert (tmp_path / "own.db").exists()
