"""The door by which stops come in is out of service only when none could be kept; all else is told beside."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text, update
from sqlalchemy.exc import OperationalError

from campaigns.continuity.ears import give_sign
from campaigns.continuity.models import HookBeat
from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.core.models import KeyFingerprint
from campaigns.core.settings import Mode, Settings
from campaigns.planning.models import Health
from campaigns.readiness.health import KEPT_SECONDS, HealthLook, Report
from campaigns.schema import SchemaState
from campaigns.staff.models import Role
from tests.factories import a_sender
from tests.postgres import empty_tables
from tests.web.pages import Pages, make_pages, page_settings


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, sqlite_file: Path, tmp_path: Path) -> Iterator[Engine]:
    """On SQLite it is a file of its own: tables are changed, and no worker of another test was ever there."""
    if request.param == "postgres":
        engine = request.getfixturevalue("postgres_engine")
        yield engine
        empty_tables(engine)
        return
    engine = make_engine(f"sqlite:///{shutil.copy(sqlite_file, tmp_path / 'test.db')}")
    yield engine
    engine.dispose()


@pytest.fixture
def settings(engine: Engine) -> Settings:
    return page_settings(engine)


def look(engine: Engine, settings: Settings) -> Report:
    return HealthLook(engine, settings).report()


@contextmanager
def altered(engine: Engine, there: str, back: str) -> Iterator[None]:
    """Change the tables that tests share, and change them back."""
    with engine.begin() as connection:
        connection.execute(text(there))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text(back))


def test_well_instance_without_a_worker_is_in_service(engine: Engine, settings: Settings) -> None:
    found = look(engine, settings)
    assert found.hindrance == ""
    assert [*found.sentences()] == ["No worker gave a sign of life: nothing is sent."]


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("ALTER TABLE reply RENAME TO reply_away", "ALTER TABLE reply_away RENAME TO reply"),
        ("ALTER TABLE consent RENAME COLUMN channel TO c", "ALTER TABLE consent RENAME COLUMN c TO channel"),
    ],
)
def test_missing_table_or_column_of_a_stop_is_a_hindrance(
    engine: Engine, settings: Settings, there: str, back: str
) -> None:
    with altered(engine, there, back):
        assert "its tables are of another version" in look(engine, settings).hindrance


def test_tables_that_no_stop_needs_are_told_only(engine: Engine, settings: Settings) -> None:
    write = text("UPDATE alembic_version SET version_num = :revision")
    with engine.begin() as connection:
        head = connection.scalars(text("SELECT version_num FROM alembic_version")).one()
        connection.execute(write, {"revision": "0006"})
    found = look(engine, settings)
    with engine.begin() as connection:
        connection.execute(write, {"revision": head})
    assert (found.hindrance, found.tables) == ("", SchemaState.TOO_OLD)


def test_another_key_is_a_hindrance_and_not_told(
    engine: Engine, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = HealthLook(engine, settings)
    assert watcher.report().hindrance == ""
    with engine.begin() as connection:
        connection.execute(update(KeyFingerprint).values(digest=b"0" * 32))
    found = look(engine, settings)
    assert "key" in found.hindrance
    assert any(record.levelname == "ERROR" for record in caplog.records)


def test_server_that_takes_no_writes_is_a_hindrance(postgres_engine: Engine, settings: Settings) -> None:
    look(postgres_engine, settings)
    url = postgres_engine.url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    reader = create_engine(url)
    assert look(reader, settings).hindrance == "it is read-only"
    reader.dispose()


def test_silent_server_is_a_hindrance(engine: Engine) -> None:
    silent = "sqlite:////dev"
    if engine.dialect.name == "postgresql":
        silent = "postgresql+psycopg://nobody@127.0.0.1:9/nothing?connect_timeout=1"
    with make_pages(engine, database_url=silent) as pages:
        answer = pages.client().get("/health")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "stops cannot be kept")
    assert answer.get_json()["wrong"] == ["No stop can be kept: it does not answer."]


def test_full_disk_is_a_hindrance(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(engine: Engine) -> None:
        raise OperationalError("UPDATE", {}, Exception("database or disk is full"))

    monkeypatch.setattr("campaigns.readiness.health._write", refuse)
    assert look(engine, settings).hindrance == "its disk is full"


def test_busy_database_keeps_stops_and_is_not_waited_for(engine: Engine, settings: Settings) -> None:
    look(engine, settings)
    with engine.begin() as connection:
        connection.execute(text("UPDATE write_probe SET written_at = written_at"))
        began = time.monotonic()
        found = look(engine, settings)
        assert time.monotonic() - began < 5
    assert (found.hindrance, found.lacks_worker) == ("", True)


def test_what_was_found_is_told_for_a_while(engine: Engine, settings: Settings) -> None:
    now = 100.0
    watcher = HealthLook(engine, settings, seconds=lambda: now)
    with altered(engine, "ALTER TABLE reply RENAME TO reply_away", "ALTER TABLE reply_away RENAME TO reply"):
        first = watcher.report()
    assert first.hindrance
    assert watcher.report() is first
    now += KEPT_SECONDS
    assert watcher.report().hindrance == ""


def test_silence_of_what_answers_providers_is_told(engine: Engine, settings: Settings) -> None:
    live = replace(settings, mode=Mode.LIVE)
    assert not look(engine, settings).is_deaf
    told = "Opt-outs cannot arrive: no process that answers providers gave a sign of life. Nothing is sent"
    assert any(sentence.startswith(told) for sentence in look(engine, live).sentences())
    give_sign(engine)
    assert not look(engine, live).is_deaf
    with engine.begin() as connection:
        connection.execute(update(HookBeat).values(seen_at=clock.now() - timedelta(seconds=40)))
    assert any("sign of life for 40 seconds" in sentence for sentence in look(engine, settings).sentences())
    assert not look(engine, replace(settings, hooks_gone_after_seconds=0)).is_deaf
    assert not look(engine, replace(settings, hooks_gone_after_seconds=60)).is_deaf


def test_page_says_what_is_wrong(own_pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    with own_pages.sessions.begin() as session:
        a_sender(session, health=Health.PAUSED)
    client = own_pages.client(own_pages.member(Role.AUTHOR))
    for address in ("/", "/now/sending"):
        page = client.get(address).text
        assert "No sending engine is running" in page
        assert "A sender is paused" in page
        assert "Opt-outs cannot be kept" not in page
    assert "Opt-outs cannot arrive" not in page
    monkeypatch.setattr(HealthLook, "report", lambda self: Report(is_deaf=True))
    assert "Opt-outs cannot arrive" in client.get("/").text
    monkeypatch.setattr(HealthLook, "report", lambda self: Report(hindrance="it is read-only"))
    page = client.get("/").text
    assert "Opt-outs cannot be kept" in page
    assert "No sending engine is running" not in page
