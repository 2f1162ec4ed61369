"""The migrations end in one head and make exactly the tables of the models, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from campaigns.core.database import make_engine
from campaigns.core.errors import DamagedDataError, SettingsError
from campaigns.core.settings import PROJECT_ROOT
from campaigns.delivery.models import ROOMY_INDEXES
from campaigns.places.geography.cover import digest_of_cover
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
from tests.postgres import PostgresServer

#: Release and digest of the schema that migration 0004 makes.
JOB_SCHEMA = ("3.10.0", "c70ec4b400a60ad9592787653aae5ae77ae41bf801d56b5bd2712751a07f2009")
NOON = "2026-03-02 12:00:00+00:00"
#: A campaign with one run and one delivery, as the first migration has them, by table.
FIRST_ROWS: dict[str, dict[str, object]] = {
    "organisation": {"id": 1, "slug": "a", "name": "A", "time_zone": "UTC", "created_at": NOON},
    "member": {
        "id": 1,
        "email": "a@example.org",
        "name": "A",
        "password_is_temporary": False,
        "active": True,
        "fs_uniquifier": "a",
        "created_at": NOON,
    },
    "message": {
        "id": 2,
        "organisation_id": 1,
        "title": "M",
        "theme": "t",
        "base_language": "en",
        "version": 1,
        "created_at": NOON,
        "updated_at": NOON,
    },
    "audience": {
        "id": 3,
        "organisation_id": 1,
        "name": "A",
        "rule": "{}",
        "created_at": NOON,
        "updated_at": NOON,
    },
    "sender": {
        "id": 4,
        "name": "S",
        "channel": "sms",
        "gateway": "twilio",
        "identity": "+1",
        "secret_name": "twilio",
        "pace": 1.0,
        "two_way": True,
        "active": True,
    },
    "campaign": {
        "id": 5,
        "organisation_id": 1,
        "name": "C",
        "code": "K7",
        "state": "approved",
        "message_id": 2,
        "audience_id": 3,
        "sender_id": 4,
        "fallback_policy": "do_not_send",
        "max_parts": 2,
        "resend_unknown": False,
        "created_by_id": 1,
        "created_at": NOON,
        "updated_at": NOON,
    },
    "schedule": {
        "id": 6,
        "campaign_id": 5,
        "starts_at": "2026-03-02T18:00",
        "zone_policy": "fixed",
        "time_zone": "UTC",
        "grace_minutes": 60,
        "expires_after_minutes": 720,
    },
    "run": {
        "id": 7,
        "organisation_id": 1,
        "campaign_id": 5,
        "schedule_id": 6,
        "occurrence": "2026-03-02T18:00",
        "state": "running",
        "reason": "",
        "sender_id": 4,
        "channel": "sms",
        "digest": "0",
        "message_version": 1,
        "frozen": "{}",
        "planned_through": 0,
        "planned": 1,
        "created_at": NOON,
    },
    "delivery": {
        "id": 8,
        "run_id": 7,
        "contact_id": 1,
        "address_id": 1,
        "channel": "sms",
        "text_id": 1,
        "region_id": 0,
        "send_state": "queued",
        "reference": "r",
        "attempts": 0,
        "due_at": NOON,
        "expires_at": NOON,
    },
}


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


def put(connection: Connection, name: str, row: Mapping[str, object]) -> None:
    """Insert a row into a table as an older schema has it."""
    connection.execute(table(name, *map(column, row)).insert().values(**row))


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
    engine.dispose()


def test_migrating_twice_changes_nothing(empty_engine: Engine) -> None:
    migrate(empty_engine)
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        heads = MigrationContext.configure(connection).get_current_heads()
    assert len(heads) == 1


def test_second_migration_keeps_what_was_there(empty_engine: Engine) -> None:
    migrate(empty_engine, "0001")
    with empty_engine.begin() as connection:
        for name, row in FIRST_ROWS.items():
            put(connection, name, row)
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        senders = connection.exec_driver_sql("SELECT campaign_id, rank, sender_id FROM campaign_sender").all()
        of_runs = connection.exec_driver_sql("SELECT run_id, rank, sender_id, channel FROM run_sender").all()
        delivery = connection.exec_driver_sql("SELECT id, sender_id FROM delivery").one()
        facts = connection.exec_driver_sql("SELECT health, daily_limit FROM sender").one()
    assert ([*map(tuple, senders)], [*map(tuple, of_runs)]) == ([(5, 0, 4)], [(7, 0, 4, "sms")])
    assert (tuple(delivery), tuple(facts)) == ((8, 4), ("well", None))


def test_remembered_stops_are_kept_both_ways(empty_engine: Engine) -> None:
    remembered = select(column("lookup"), column("channel")).select_from(table("suppressed_address"))
    stop = {"lookup": b"l" * 32, "channel": "sms", "since": NOON}
    config, insert = migration_config(), text("INSERT INTO suppressed_address VALUES (:lookup, :channel, :since)")
    migrate(empty_engine, "0017")
    with empty_engine.begin() as connection:
        connection.execute(insert, stop)
    migrate(empty_engine, "0018")
    with empty_engine.begin() as connection:
        connection.execute(insert, stop | {"channel": "whatsapp"})
        assert len(connection.execute(remembered).all()) == 2
        config.attributes["connection"] = connection
        command.downgrade(config, "0017")
        [row] = connection.execute(remembered)
    assert (bytes(row.lookup), row.channel) == (b"l" * 32, "sms")


#: A place with its corridor's cells, of which a leg in between is flown, and who saved both, as before 0048.
PLACE_ROWS: dict[str, list[dict[str, object]]] = {
    "organisation": [{"id": 1, "slug": "a", "name": "A", "time_zone": "UTC", "created_at": NOON}],
    "place": [
        {
            "id": place_id,
            "organisation_id": 1,
            "key": str(place_id),
            "kind": kind,
            "name": "P",
            "geometry": "{}",
            "risk_tags": "[]",
            "extra": "{}",
            "created_at": NOON,
            "updated_at": NOON,
        }
        for place_id, kind in ((2, "stop"), (3, "corridor"))
    ],
    "place_cell": [
        {"cell": cell, "place_id": place_id, "leg": leg}
        for cell, place_id, leg in ((11, 2, 0), (10, 2, 0), (7, 3, 0), (8, 3, 2), (2**59, 3, 2))
    ],
    "route": [
        {
            "id": 9,
            "organisation_id": 1,
            "key": "r",
            "name": "R",
            "mode": "road/air",
            "width_m": 5000,
            "corridor_id": 3,
            "extra": "{}",
            "created_at": NOON,
            "updated_at": NOON,
        }
    ],
    "audit_entry": [
        {
            "at": NOON,
            "organisation_id": 1,
            "member_id": 1,
            "action": action,
            "subject_type": action.partition(".")[0],
            "subject_id": subject_id,
            "detail": "{}",
            "previous_hash": "",
            "hash": action,
        }
        for action, subject_id in (("place.update", 2), ("route.create", 9), ("route.delete", 2))
    ],
}


def test_stored_places_are_bound_as_new_ones_are(empty_engine: Engine) -> None:
    before = ScriptDirectory.from_config(migration_config()).get_revision("0048").down_revision
    migrate(empty_engine, str(before))
    with empty_engine.begin() as connection:
        for name, rows in {"member": [FIRST_ROWS["member"]], **PLACE_ROWS}.items():
            for row in rows:
                put(connection, name, row)
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        digests = connection.exec_driver_sql("SELECT cover_digest FROM place ORDER BY id").scalars().all()
        authors = connection.exec_driver_sql(
            "SELECT place_id, member_id FROM place_author ORDER BY place_id"
        ).all()
    assert digests == [digest_of_cover([{10, 11}]), digest_of_cover([{7}, set(), {8, 2**59}])]
    assert [*map(tuple, authors)] == [(2, 1), (3, 1)]


TRANSLATION = {
    "id": 9,
    "message_id": 2,
    "language": "uk",
    "text": "T",
    "source_digest": "0",
    "state": "draft",
    "updated_at": NOON,
}


def fill_first_tables(engine: Engine) -> None:
    migrate(engine, "0001")
    with engine.begin() as connection:
        for name, row in {**FIRST_ROWS, "translation": TRANSLATION}.items():
            put(connection, name, row)
    engine.dispose()


def test_whoever_made_a_version_with_other_words_wrote_them(empty_engine: Engine) -> None:
    fill_first_tables(empty_engine)
    migrate(empty_engine, "0041")
    kept = "INSERT INTO message_version VALUES (2, :version, :texts, '{}', 'file', :member_id, :made_at)"
    with empty_engine.begin() as connection:
        for number in (2, 3, 4):
            another = {"id": number, "email": str(number), "fs_uniquifier": str(number)}
            put(connection, "member", FIRST_ROWS["member"] | another)
        for version, (said, by) in enumerate((("T", 2), ("U", 3), ("U", 4), ("V", None)), start=2):
            row = {"version": version, "texts": f'{{"uk": "{said}"}}', "member_id": by, "made_at": NOON}
            connection.execute(text(kept), row)
        connection.exec_driver_sql("UPDATE translation SET translator_id = 4 WHERE id = 9")
    migrate(empty_engine, "0056")
    with empty_engine.connect() as connection:
        writers = connection.exec_driver_sql("SELECT translation_id, member_id FROM translation_writer").all()
    # The first version, of before versions were kept, has the words of the second.
    assert sorted(map(tuple, writers)) == [(9, 3), (9, 4)]


def test_alembic_itself_keeps_what_was_there(empty_engine: Engine) -> None:
    """SQLite copies a table to change it; dropping the old one must not take with it what points there."""
    fill_first_tables(empty_engine)
    address = empty_engine.url.render_as_string(hide_password=False)
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        env=os.environ | {"FINGERPOST_DATABASE_URL": address},
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
    )
    with empty_engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id, text FROM translation").all() == [(9, "T")]
        assert schema_state(connection) is SchemaState.CURRENT


def test_migration_that_leaves_rows_pointing_at_nothing_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'one.db'}")
    fill_first_tables(engine)

    def upgrade_badly(config: Config, revision: str) -> None:
        upgrade(config, revision)
        config.attributes["connection"].exec_driver_sql("DELETE FROM message")

    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", upgrade_badly)
    with pytest.raises(DamagedDataError, match="point at nothing"):
        migrate(engine)
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_heads() == ("0001",)
        assert connection.exec_driver_sql("SELECT id FROM message").all() == [(2,)]
    engine.dispose()


def test_job_tables_are_those_that_were_migrated() -> None:
    # Another release of Procrastinate with another schema needs a migration with what its own ones change.
    assert (version("procrastinate"), sha256(job_schema().encode()).hexdigest()) == JOB_SCHEMA


def test_job_tables_can_be_taken_back(postgres: PostgresServer) -> None:
    engine, config = make_engine(postgres.create_database()), migration_config()
    migrate(engine)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        left = connection.scalars(text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'procrastinate%'")).one()
    assert (left, JOB_TABLES & set(inspect(engine).get_table_names())) == (0, set())
    migrate(engine)
    engine.dispose()


def test_there_is_one_head_with_short_ids() -> None:
    scripts = ScriptDirectory.from_config(migration_config())
    assert len(scripts.get_heads()) == 1
    assert all(len(script.revision) == 4 and script.revision.isdigit() for script in scripts.walk_revisions())


def _with_two_senders(engine: Engine, **changes: object) -> None:
    """Fill the tables of the version before with two senders of one number; the second may be changed."""
    migrate(engine, "0046")
    organisations = [FIRST_ROWS["organisation"], FIRST_ROWS["organisation"] | {"id": 2, "slug": "b", "name": "B"}]
    columns = {"countries": "[]", "health": "well", "health_code": ""}
    first = FIRST_ROWS["sender"] | columns | {"organisation_id": 1, "identity": "+447700900100"}
    with engine.begin() as connection:
        for table, row in (
            *(("organisation", each) for each in organisations),
            ("sender", first),
            ("sender", first | {"id": 5, "organisation_id": 2, "name": "T"} | changes),
        ):
            names, slots = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({slots})"), row)  # noqa: S608 - constants


def test_two_senders_of_one_number_are_named(empty_engine: Engine) -> None:
    """Nobody here may decide whose it is, and nothing was changed."""
    _with_two_senders(empty_engine)
    with pytest.raises(SettingsError) as raised:
        migrate(empty_engine)
    assert str(raised.value).startswith(
        "Sender 4, “S” of a, and Sender 5, “T” of b, both send from +447700900100, which only one may"
    )
    with empty_engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_heads() == ("0046",)


@pytest.mark.parametrize(
    "changes", [{"active": False}, {"channel": "whatsapp"}, {"gateway": "africastalking"}, {"identity": "+2"}]
)
def test_senders_that_do_not_meet_are_kept(empty_engine: Engine, changes: dict[str, object]) -> None:
    _with_two_senders(empty_engine, **changes)
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sender").scalar_one() == 2


def test_replies_of_nobody_are_in_triage(empty_engine: Engine) -> None:
    migrate(empty_engine, "0049")
    reply = {
        "gateway": "twilio",
        "channel": "sms",
        "lookup": b"l" * 32,
        "kind": "text",
        "happening": "wrote",
        "sealed_text": b"s",
        "received_at": NOON,
    }
    with empty_engine.begin() as connection:
        for table, row in (
            ("organisation", FIRST_ROWS["organisation"]),
            ("reply", reply | {"id": 1, "provider_id": "1", "organisation_id": 1}),
            ("reply", reply | {"id": 2, "provider_id": "2", "organisation_id": None}),
        ):
            names, slots = ", ".join(row), ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({slots})"), row)  # noqa: S608 - constants
    migrate(empty_engine)
    with empty_engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT reply_id, reason, assigned_at FROM triage").all()
    assert [*map(tuple, rows)] == [(2, "earlier", None)]
