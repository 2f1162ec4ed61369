"""The migrations end in one head and make exactly the tables of the models, on both databases."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Engine, MetaData, Table, column, func, insert, inspect, select, table, text, update
from sqlalchemy.orm import Session

from campaigns import schema
from campaigns.audience.consent.models import PairedHandle
from campaigns.audience.models import Address, Channel, ContactImport
from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.core.errors import DamagedDataError, SettingsError
from campaigns.core.keys.crypto import Vault
from campaigns.core.settings import PROJECT_ROOT
from campaigns.delivery.models import LIVING_BY_UPDATE, ROOMY_INDEXES
from campaigns.planning.models import Run
from campaigns.schema import (
    JOB_TABLES,
    SchemaState,
    is_our_table,
    job_schema,
    metadata,
    migrate,
    migration_config,
    schema_state,
)
from tests.factories import a_contact, an_address, an_organisation
from tests.postgres import PostgresServer
from tests.starting import run_commands
from tests.web.pages import KEYS

#: Release and digest of the schema that the first tables are made with.
JOB_SCHEMA = ("3.10.0", "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009")
#: Databases as `fingerpost setup` and the first tables made them, with rows in every table, by dialect.
FILLED = Path(__file__).parent / "data"
#: Tables that `fingerpost setup` itself adds rows to.
GROWING = frozenset({"region"})


@pytest.fixture(params=["sqlite", "postgres"])
def empty_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        address = server.create_database()
    engine = make_engine(address)
    yield engine
    engine.dispose()


@pytest.fixture
def filled_engine(empty_engine: Engine) -> Engine:
    """A database of the first tables in which every table has rows."""
    dialect = {"postgresql": "postgres"}.get(empty_engine.dialect.name, empty_engine.dialect.name)
    script = gzip.decompress((FILLED / f"filled_0060.{dialect}.sql.gz").read_bytes()).decode()
    connection = empty_engine.raw_connection()
    driver: Any = connection.driver_connection
    # A connection of its own, which ends with the script and whatever that set.
    connection.detach()
    with closing(driver):
        if dialect == "sqlite":
            driver.executescript(f"PRAGMA foreign_keys = OFF; {script}")
        else:
            driver.execute(script)
        driver.commit()
    return empty_engine


def rows_by_table(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names(
            schema="public" if connection.dialect.name == "postgresql" else None
        )
        count = select(func.count())
        return {name: connection.scalar(count.select_from(table(name))) or 0 for name in tables}


def test_migrated_tables_equal_the_models(empty_engine: Engine) -> None:
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_our_table})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("build", [migrate, metadata.create_all])
def test_indexes_of_deliveries_have_room_for_changes(
    build: Callable[[Engine], None], postgres: PostgresServer
) -> None:
    # What comparing the schemas does not see.
    engine = make_engine(postgres.create_database())
    build(engine)
    roomy = text("SELECT relname FROM pg_class WHERE relkind = 'i' AND 'fillfactor=50' = ANY (reloptions)")
    with engine.connect() as connection:
        assert set(connection.scalars(roomy)) == set(ROOMY_INDEXES)
        told = text("SELECT relname, array_to_string(reloptions, ', ') FROM pg_class WHERE relname = ANY (:names)")
        found: dict[str, str] = dict(connection.execute(told, {"names": list(LIVING_BY_UPDATE)}).all())
        assert found == {name: said.replace(" = ", "=") for name, said in LIVING_BY_UPDATE.items()}
    engine.dispose()


def test_migrating_twice_changes_nothing(empty_engine: Engine) -> None:
    migrate(empty_engine)
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    assert len(heads) == 1


def test_setup_brings_a_filled_database_up_to_date(filled_engine: Engine) -> None:
    before = rows_by_table(filled_engine)
    assert [name for name, rows in before.items() if not rows and name not in JOB_TABLES] == []
    address = filled_engine.url.render_as_string(hide_password=False)
    environ = KEYS | {"FINGERPOST_DATABASE_URL": address, "FINGERPOST_MODE": "demo"}
    answer = run_commands("setup", environ=environ)["setup"]
    assert answer.code == 0, answer.err
    after = rows_by_table(filled_engine)
    assert {name: after.get(name) for name in before if name not in GROWING} == {
        name: rows for name, rows in before.items() if name not in GROWING
    }
    with filled_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_our_table})
        assert compare_metadata(context, metadata) == []


@pytest.mark.one_database
def test_alembic_itself_keeps_what_was_there(filled_engine: Engine) -> None:
    """SQLite copies a table to change it; dropping the old one must not take with it what points there."""
    before = rows_by_table(filled_engine)
    address = filled_engine.url.render_as_string(hide_password=False)
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        env=os.environ | {"FINGERPOST_DATABASE_URL": address},
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
    )
    assert {name: rows_by_table(filled_engine).get(name) for name in before} == before
    with filled_engine.connect() as connection:
        assert schema_state(connection) is SchemaState.CURRENT


@pytest.mark.parametrize("words", ["It is 31 minutes late, and 100 % of “it”. Is it true?", ""])
def test_reason_of_before_is_kept_as_it_was_written(filled_engine: Engine, words: str) -> None:
    with filled_engine.begin() as connection:
        connection.execute(text("UPDATE run SET reason = :words"), {"words": words})
    migrate(filled_engine)
    with Session(filled_engine) as session:
        assert {str(reason or "") for reason in session.scalars(select(Run.reason))} == {words}


def test_list_that_a_worker_has_stays_confirmed(filled_engine: Engine) -> None:
    with filled_engine.begin() as connection:
        member_id, file_id = (
            connection.scalar(select(func.min(column("id"))).select_from(table(source)))
            for source in ("member", "contact_import")
        )
        files = table("contact_import", column("id"), column("report", JSON))
        report = {"opts_out": True, "by": member_id}
        connection.execute(update(files).where(files.c.id == file_id).values(report=report))
    migrate(filled_engine)
    with Session(filled_engine) as session:
        rows = session.execute(select(ContactImport.confirmed_by_id, ContactImport.report)).all()
    assert [tuple(row) for row in rows if row[0] is not None] == [(member_id, {"opts_out": True})]
    assert [row for row in rows if "by" in row.report] == []


def test_list_that_broke_off_in_a_request_is_left_to_a_worker(filled_engine: Engine) -> None:
    """Part of it had opted out already, which takes a member who said that it is right."""
    begun = {"opts_out": True, "done": 1500}
    others = [("checked", {"opts_out": True, "done": 0}), ("cancelled", begun), ("checked", {"done": 1500})]
    with filled_engine.begin() as connection:
        files = Table("contact_import", MetaData(), autoload_with=connection)
        columns: Any = files.c
        # SQLite tells no JSON of a column that it is asked for.
        columns.report.type = JSON()
        kept = dict(connection.execute(select(files)).mappings().first() or {})
        member_id = connection.scalar(select(func.min(column("id"))).select_from(table("member")))
        rows = [
            kept | {"id": 1000 + number, "member_id": member_id, "state": state, "report": report}
            for number, (state, report) in enumerate([("checked", begun), *others])
        ]
        connection.execute(insert(files), rows)
    migrate(filled_engine)
    with Session(filled_engine) as session:
        confirmed = select(ContactImport).where(ContactImport.confirmed_by_id.is_not(None))
        found = [(each.id, each.confirmed_by_id, each.report) for each in session.scalars(confirmed)]
    assert found == [(1000, member_id, begun)]


def test_services_that_answers_named_before_are_known(filled_engine: Engine) -> None:
    migrate(filled_engine, "0068")
    with filled_engine.begin() as connection:
        service_id, run_id = (
            connection.scalar(select(func.min(column(name))).select_from(table(source)))
            for name, source in (("id", "service"), ("run_id", "run_text"))
        )
        connection.execute(text("INSERT INTO run_answer (run_id, refusals) VALUES (:run, 0)"), {"run": run_id})
        named = {"run": run_id, "named": f"[{service_id}, {10**6}]"}
        connection.execute(text("UPDATE run_text SET service_ids = :named WHERE run_id = :run"), named)
    migrate(filled_engine)
    with filled_engine.connect() as connection:
        rows = connection.execute(text("SELECT run_id, service_id, died_at FROM answer_service")).all()
    assert rows == [(run_id, service_id, None)]


def test_handles_that_were_shown_as_a_pair_are_shared(empty_engine: Engine, vault: Vault) -> None:
    """Of three contacts: one known by a number, one by what WhatsApp calls it, and somebody else."""
    migrate(empty_engine, "0170")
    handles = (("+380670000001", Channel.SMS), ("UA.8f2c1d", Channel.WHATSAPP), ("+380670000002", Channel.SMS))
    with Session(empty_engine) as session, session.begin():
        organisation = an_organisation(session)
        phone, known_as, _ = (
            an_address(session, a_contact(session, organisation), vault, number=text, channel=channel)
            for text, channel in handles
        )
        session.add(PairedHandle(lookup=known_as.lookup, number=phone.number, shown_at=clock.now()))
    migrate(empty_engine)
    with Session(empty_engine) as session:
        assert session.scalars(select(Address.is_shared).order_by(Address.id)).all() == [True, True, False]


def test_migration_that_leaves_rows_pointing_at_nothing_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'one.db'}")

    def upgrade_badly(config: Config, revision: str) -> None:
        upgrade(config, revision)
        config.attributes["connection"].exec_driver_sql("INSERT INTO canary_delivery VALUES (1, 1)")
        config.attributes["connection"].exec_driver_sql("INSERT INTO place_author VALUES (1, 1)")

    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", upgrade_badly)
    with pytest.raises(DamagedDataError, match="point at nothing"):
        migrate(engine)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize("revision", ["0059", "9999"])
def test_tables_of_another_program_are_refused_and_kept(empty_engine: Engine, revision: str) -> None:
    with empty_engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    with pytest.raises(SettingsError, match=r"cannot bring it up to date|install the version that changed"):
        migrate(empty_engine)
    assert inspect(empty_engine).get_table_names() == ["alembic_version"]


def test_tables_before_the_newest_revision_are_older(
    empty_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(empty_engine)
    head, known = schema.revisions()
    monkeypatch.setattr(schema, "revisions", lambda: ("9999", known | {"9999"}))
    with empty_engine.connect() as connection, pytest.raises(SettingsError, match="older than this program"):
        schema.check_schema(connection)
    assert head in known


def test_job_tables_are_those_that_were_migrated() -> None:
    # Another release of Procrastinate with another schema needs a migration with what its own ones change.
    assert (version("procrastinate"), sha256(job_schema().encode()).hexdigest()) == JOB_SCHEMA


def test_there_is_one_head_with_short_ids() -> None:
    scripts = ScriptDirectory.from_config(migration_config())
    assert len(scripts.get_heads()) == 1
    assert all(len(script.revision) == 4 and script.revision.isdigit() for script in scripts.walk_revisions())
