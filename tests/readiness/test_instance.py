"""A database, its keys and the program belong together: all else is refused in one sentence before it starts."""

from __future__ import annotations

import base64
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_engine
from campaigns.core.errors import SettingsError
from campaigns.core.key_fingerprints import fingerprint, fits
from campaigns.core.keys.crypto import Vault
from campaigns.core.keys.keys_file import USED
from campaigns.core.models import KeyFingerprint
from campaigns.core.settings import Settings
from campaigns.readiness.instance import check_database, check_fingerprints, enrol_keys
from campaigns.schema import SchemaState, migrate, schema_state
from tests.factories import a_contact, an_address, an_organisation
from tests.postgres import PostgresServer
from tests.starting import COMMANDS, Answer, run_commands
from tests.web.pages import KEYS, page_settings

OTHER = base64.b64encode(b"o" * 32).decode()
FIRST = KEYS["FINGERPOST_ENCRYPTION_KEYS"]
STARTED = COMMANDS[1:]


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that has no tables yet; on SQLite no file either."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'one.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.create_database()


def variables(database_url: str) -> dict[str, str]:
    """Return those of an instance whose port may not be opened, so that whatever passes the checks ends there."""
    return KEYS | {"FINGERPOST_DATABASE_URL": database_url, "FINGERPOST_MODE": "demo", "FINGERPOST_PORT": "1"}


@pytest.fixture
def environ(database_url: str) -> dict[str, str]:
    return variables(database_url)


def set_up(database_url: str) -> str:
    assert run_commands("setup", environ=variables(database_url))["setup"].code == 0
    return database_url


@pytest.fixture(scope="module")
def set_up_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `fingerpost setup` makes on SQLite, to copy."""
    path = tmp_path_factory.mktemp("set-up") / "one.db"
    set_up(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def set_up_on_server(postgres: PostgresServer) -> str:
    """The address of what it makes on PostgreSQL, to copy."""
    return set_up(postgres.create_database())


@pytest.fixture(params=["sqlite", "postgres"])
def set_up_environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """An instance that was set up."""
    if request.param == "sqlite":
        copy = shutil.copy(request.getfixturevalue("set_up_file"), tmp_path)
        return variables(f"sqlite:///{copy}")
    server: PostgresServer = request.getfixturevalue("postgres")
    return variables(server.create_database(like=request.getfixturevalue("set_up_on_server")))


def refused(answers: dict[str, Answer]) -> set[str]:
    """Return what was said, after looking that it was one sentence each and no start."""
    for command, answer in answers.items():
        assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1), (command, answer)
    return {answer.err.removeprefix("fingerpost: ").strip() for answer in answers.values()}


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"LOOKUP_KEY": OTHER}, "The lookup_key is another than this database was set up with."),
        pytest.param(
            {"ENCRYPTION_KEYS": f"1:{OTHER}"},
            "The encryption key 1 is another than this database was set up with.",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {"ENCRYPTION_KEYS": f"2:{OTHER}"},
            "The encryption key 1 is missing: what it sealed could not be opened.",
            marks=pytest.mark.long,
        ),
        (
            {"SECRET_KEY": "another secret key that only tests know"},
            "The secret_key is another than this database was set up with"
            " (if that is meant, run `fingerpost setup --new-secret-key`).",
        ),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_another_key_is_refused_by_every_command(
    set_up_environ: dict[str, str], changes: dict[str, str], sentence: str
) -> None:
    environ = set_up_environ | {f"FINGERPOST_{name}": value for name, value in changes.items()}
    answers = run_commands(*COMMANDS, "import contacts x.csv --organisation ours", "verify 1", environ=environ)
    # A file that is not there is told first.
    answers.pop("import contacts x.csv --organisation ours")
    assert refused(answers) == {sentence}


@pytest.mark.long
@pytest.mark.one_database
def test_further_encryption_key_is_known_after_setup(set_up_environ: dict[str, str]) -> None:
    environ = set_up_environ | {"FINGERPOST_ENCRYPTION_KEYS": f"{FIRST} 2:{OTHER}"}
    said = "The encryption key 2 is new here: give it to every machine, then run `fingerpost setup`."
    assert refused(run_commands(*STARTED, environ=environ)) == {said}
    assert "The encryption key 2 is known from now on." in run_commands("setup", environ=environ)["setup"].out
    answers = run_commands("organisation add ours --name Ours", environ=environ)
    assert [answer.code for answer in answers.values()] == [0]
    assert refused(run_commands(*COMMANDS, environ=set_up_environ)) == {
        "The encryption key 2 is missing: what it sealed could not be opened."
    }


@pytest.mark.one_database
def test_another_secret_key_is_taken_when_it_is_meant(set_up_environ: dict[str, str]) -> None:
    environ = set_up_environ | {"FINGERPOST_SECRET_KEY": "another secret key that only tests know"}
    answer = run_commands("setup --new-secret-key", environ=environ)["setup --new-secret-key"]
    assert "The secret_key is known from now on." in answer.out
    assert [answer.code for answer in run_commands("audit verify", environ=environ).values()] == [0]
    wrong = environ | {"FINGERPOST_LOOKUP_KEY": OTHER}
    assert "lookup_key" in refused(run_commands("setup --new-secret-key", environ=wrong)).pop()


def test_database_before_setup_is_one_sentence(environ: dict[str, str], database_url: str) -> None:
    commands = (
        *STARTED,
        "organisation add ours --name Ours",
        "member add a@b.c --organisation o --name A --role author",
    )
    (said,) = refused(run_commands(*commands, environ=environ))
    assert said.endswith("run `fingerpost setup` once.")
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        assert not os.path.exists(url.database or "")


@pytest.mark.parametrize(
    ("revision", "sentence"),
    [
        ("0006", "A program before version 0.1 made the database: this one cannot bring it up to date."),
        pytest.param(
            "9999",
            "This program is older than its database: install the version that changed the database.",
            marks=pytest.mark.long,
        ),
    ],
)
def test_other_tables_are_one_sentence(set_up_environ: dict[str, str], revision: str, sentence: str) -> None:
    engine = make_engine(set_up_environ["FINGERPOST_DATABASE_URL"])
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    engine.dispose()
    assert refused(run_commands(*COMMANDS, "organisation add o --name O", environ=set_up_environ)) == {sentence}


@pytest.mark.long
def test_setup_makes_both_keys_and_database(tmp_path: Path) -> None:
    environ = {
        "FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'var' / 'one.db'}",
        "FINGERPOST_PUBLIC_URL": "https://console.example",
    }
    answer = run_commands("setup", environ=environ)["setup"]
    path = tmp_path / "var" / "one.keys"
    assert (answer.code, answer.err) == (0, "")
    assert f"New keys are in {path}." in answer.out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # What it made is taken by everything that follows, and made once only.
    made = path.read_bytes()
    again = run_commands("setup", "organisation add ours --name Ours", environ=environ)
    assert [each.code for each in again.values()] == [0, 0]
    assert path.read_bytes() == made


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def test_serve_makes_what_is_missing_and_goes_on_where_it_died(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Its place is nowhere, so that it ends once it has made both."""
    keys = tmp_path / "one.keys"
    url = f"sqlite:///{tmp_path / 'one.db'}"
    if kind == "postgres":
        url = request.getfixturevalue("postgres").create_database()
    environ = {
        "FINGERPOST_DATABASE_URL": url,
        "FINGERPOST_KEYS_FILE": str(keys),
        "FINGERPOST_HOST": "nowhere.invalid",
        "FINGERPOST_MODE": "demo",
    }
    assert "regions are loaded." in run_commands("serve", environ=environ)["serve"].out
    made = keys.read_text()
    assert USED in made
    # It died after the tables, and before it said so in the keys file.
    keys.write_text(made.replace(f"{USED}\n", ""))
    assert "regions are loaded." in run_commands("serve", environ=environ)["serve"].out
    assert keys.read_text() == made
    # It is all there now.
    assert run_commands("serve", environ=environ)["serve"].out == ""


def test_serve_makes_no_second_database_beside_used_keys(tmp_path: Path) -> None:
    environ = {"FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}", "FINGERPOST_MODE": "demo"}
    run_commands("setup", environ=environ)
    (tmp_path / "one.db").rename(tmp_path / "elsewhere.db")
    (said,) = refused(run_commands("serve", environ=environ))
    assert said.endswith("run `fingerpost setup` once.")
    assert not (tmp_path / "one.db").exists()


def test_database_without_its_keys_is_refused(tmp_path: Path) -> None:
    environ = {
        "FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}",
        "FINGERPOST_PUBLIC_URL": "https://console.example",
    }
    run_commands("setup", environ=environ)
    (tmp_path / "one.keys").rename(tmp_path / "elsewhere")
    (said,) = refused(run_commands("setup", environ=environ))
    assert "but no keys are set: give it those that it was set up with." in said
    assert not (tmp_path / "one.keys").exists()


@pytest.mark.long
def test_keys_without_their_database_are_refused(tmp_path: Path) -> None:
    environ = {
        "FINGERPOST_DATABASE_URL": f"sqlite:///{tmp_path / 'one.db'}",
        "FINGERPOST_PUBLIC_URL": "https://console.example",
    }
    run_commands("setup", environ=environ)
    for name in ("one.db", "one.db-wal", "one.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (said,) = refused(run_commands("setup", environ=environ))
    assert "belong to a database that was set up before, but there is none" in said
    assert not (tmp_path / "one.db").exists()
    # A setup that died between the keys and the database goes on where it was.
    keys = tmp_path / "one.keys"
    keys.write_text(keys.read_text().replace(f"{USED}\n", ""))
    assert run_commands("setup", environ=environ)["setup"].code == 0


@pytest.mark.long
def test_empty_postgresql_without_keys_makes_none(postgres: PostgresServer, tmp_path: Path) -> None:
    environ = {
        "FINGERPOST_DATABASE_URL": postgres.create_database(),
        "FINGERPOST_PUBLIC_URL": "https://console.example",
    }
    (said,) = refused(run_commands("setup", environ=environ))
    assert said == "No keys are set: set what `fingerpost keys` prints, or name a keys_file to make."
    named = environ | {"FINGERPOST_KEYS_FILE": str(tmp_path / "some.keys")}
    assert run_commands("setup", environ=named)["setup"].code == 0
    assert (tmp_path / "some.keys").exists()


def test_server_without_unicode_is_one_sentence(postgres: PostgresServer, environ: dict[str, str]) -> None:
    server = make_engine(postgres.create_database(), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS bytes_only"))
        create = "CREATE DATABASE bytes_only ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        connection.execute(text(create))
    url = server.url.set(database="bytes_only").render_as_string(hide_password=False)
    server.dispose()
    answers = run_commands(
        *COMMANDS, "organisation add o --name O", environ=environ | {"FINGERPOST_DATABASE_URL": url}
    )
    assert refused(answers) == {
        "The database keeps text in SQL_ASCII: create it anew with "
        "CREATE DATABASE bytes_only ENCODING 'UTF8' TEMPLATE template0."
    }


def test_server_that_takes_no_writes_is_one_sentence(postgres: PostgresServer, set_up_on_server: str) -> None:
    url = postgres.create_database(like=set_up_on_server)
    environ = KEYS | {"FINGERPOST_DATABASE_URL": url, "FINGERPOST_MODE": "demo"}
    engine = make_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{engine.url.database}" SET default_transaction_read_only = on'))
    engine.dispose()
    assert refused(run_commands(*COMMANDS, environ=environ)) == {"The database cannot be used: it is read-only."}


@pytest.fixture
def settings(engine: Engine) -> Settings:
    return page_settings(engine)


def test_first_start_remembers_every_key_and_none_can_be_read_there(
    sessions: sessionmaker[Session], settings: Settings
) -> None:
    with sessions() as session:
        check_fingerprints(session, settings)
    with sessions() as session:
        rows = {row.name: row for row in session.query(KeyFingerprint)}
        assert set(rows) == {"secret_key", "lookup_key", "encryption key 1"}
        kept = b"".join(row.salt + row.digest for row in rows.values())
        assert b"k" * 8 not in kept
        assert settings.secret_key.encode() not in kept
    with sessions() as session:
        check_fingerprints(session, settings)


def test_two_fingerprints_of_one_key_differ_and_fit() -> None:
    one, other = fingerprint("lookup_key", b"l" * 32), fingerprint("lookup_key", b"l" * 32)
    assert (one.salt, one.digest) != (other.salt, other.digest)
    assert fits(one, b"l" * 32)
    assert fits(other, b"l" * 32)
    assert not fits(one, b"m" * 32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encryption_keys": f"1:{OTHER}"}, "encryption key is another than the one that sealed"),
        ({"lookup_key": OTHER}, "lookup_key is another than this database was filled with"),
    ],
)
def test_keys_that_do_not_open_a_database_from_before_are_refused(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, changes: dict[str, str], words: str
) -> None:
    """It was filled before fingerprints were kept."""
    with sessions.begin() as session:
        an_address(session, a_contact(session, an_organisation(session)), vault)
    with sessions() as session, pytest.raises(SettingsError, match=words):
        check_fingerprints(session, page_settings(engine, **changes))
    with sessions() as session:
        assert session.query(KeyFingerprint).count() == 0
        assert enrol_keys(session, page_settings(engine)) == ["encryption key 1", "lookup_key", "secret_key"]


@pytest.fixture
def migrated(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_program_knows_the_tables_that_it_makes(migrated: Engine, engine: Engine) -> None:
    for each in (migrated, engine):
        with each.connect() as connection:
            assert schema_state(connection) is SchemaState.CURRENT


def test_checked_database_is_let_go(engine: Engine, settings: Settings) -> None:
    check_database(engine, settings)
    assert engine.pool.checkedin() == 0  # type: ignore[attr-defined]
