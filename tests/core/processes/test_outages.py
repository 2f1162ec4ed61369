"""A database that is away, read-only, full or of another version is one sentence a minute in the log."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from campaigns.core.database import make_engine
from campaigns.core.errors import UnavailableError
from campaigns.core.processes.outages import EVERY_SECONDS, Cause, Outages, cause_of


class Seconds:
    """A monotonic clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def error_of(engine: Engine, *statements: str) -> SQLAlchemyError:
    """Return what a database answers to the last of some statements."""
    *before, last = statements
    with engine.connect() as connection:
        for statement in before:
            connection.execute(text(statement))
        with pytest.raises(SQLAlchemyError) as caught:
            connection.execute(text(last))
    return caught.value


def away() -> OperationalError:
    return OperationalError("SELECT 1", {}, sqlite3.OperationalError("unable to open database file"))


@pytest.mark.parametrize("statement", ["SELECT id FROM no_such_table", "SELECT run.no_such_column FROM run"])
def test_other_version_is_told(engine: Engine, statement: str) -> None:
    assert cause_of(error_of(engine, statement)) is Cause.OTHER_VERSION


def test_read_only_server_is_told(postgres_engine: Engine) -> None:
    error = error_of(postgres_engine, "SET TRANSACTION READ ONLY", "DELETE FROM run")
    assert cause_of(error) is Cause.READ_ONLY


def test_read_only_file_is_told(sqlite_engine: Engine) -> None:
    engine = make_engine(str(sqlite_engine.url))
    error = error_of(engine, "PRAGMA query_only = ON", "DELETE FROM run")
    engine.dispose()
    assert cause_of(error) is Cause.READ_ONLY


def test_server_that_is_away_is_told() -> None:
    engine = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing", connect_args={"connect_timeout": 2})
    with pytest.raises(SQLAlchemyError) as caught:
        engine.connect()
    assert cause_of(caught.value) is Cause.AWAY


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("The disk of the database may only be read: Read-only file system.", Cause.READ_ONLY),
        ("The database may only be read.", Cause.READ_ONLY),
    ],
)
def test_our_own_words_are_understood(words: str, cause: Cause) -> None:
    assert cause_of(UnavailableError(words)) is cause


def test_full_disk_is_told(sqlite_engine: Engine) -> None:
    engine = make_engine(str(sqlite_engine.url))
    error = error_of(
        engine,
        "PRAGMA max_page_count = 1",
        "CREATE TABLE full_up (x)",
    )
    engine.dispose()
    assert cause_of(error) is Cause.FULL


def test_lock_that_is_not_had_is_told(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as holder:
        holder.execute(text("LOCK TABLE run IN ACCESS EXCLUSIVE MODE"))
        error = error_of(postgres_engine, "SET LOCAL lock_timeout = '50ms'", "SELECT 1 FROM run")
    assert cause_of(error) is Cause.BUSY


def test_refused_content_is_no_outage(engine: Engine) -> None:
    error = error_of(engine, "INSERT INTO organisation (id, name) VALUES (1, NULL)")
    assert isinstance(error, IntegrityError)
    assert cause_of(error) is None


def test_one_sentence_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    seconds = Seconds()
    outages = Outages(seconds)
    for _ in range(600):
        outages.tell(away(), "a chore")
        seconds.now += 0.1
    assert len(caplog.records) == 1
    assert "it does not answer" in caplog.text
    assert "Traceback" not in caplog.text
    seconds.now = EVERY_SECONDS
    outages.tell(away(), "another chore")
    assert len(caplog.records) == 2
    assert "599 more times" in caplog.records[1].getMessage()


def test_each_cause_has_its_own_sentence(caplog: pytest.LogCaptureFixture) -> None:
    outages = Outages(Seconds())
    full = OperationalError("", {}, sqlite3.OperationalError("database or disk is full"))
    for error in (away(), full, away(), full):
        outages.tell(error, "a chore")
    assert [str(cause) in caplog.text for cause in (Cause.AWAY, Cause.FULL)] == [True, True]
    assert len(caplog.records) == 2


def test_what_is_no_outage_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    outages = Outages(Seconds())
    for number in range(3):
        broken = DBAPIError(f"SELECT {number}", {}, sqlite3.DatabaseError("malformed\nmore"))
        outages.tell(broken, "a chore")
    (record,) = caplog.records
    assert record.exc_info is not None
