"""Every mapped class is imported here, so that metadata is whole for migrations and tests; it also migrates.

On PostgreSQL the tables of Procrastinate stand beside ours: it defines them, and our migrations make them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

import campaigns.audience.consent.models
import campaigns.audience.models
import campaigns.continuity.models
import campaigns.core.models
import campaigns.delivery.models
import campaigns.delivery.monitoring.models
import campaigns.directory.models
import campaigns.example.models
import campaigns.inbox.automatic.models
import campaigns.inbox.conversations.models
import campaigns.inbox.duty.models
import campaigns.inbox.escalation.models
import campaigns.inbox.handing_over.models
import campaigns.inbox.media.models
import campaigns.inbox.models
import campaigns.inbox.unnamed.models
import campaigns.leaving.models
import campaigns.members.forgotten.models
import campaigns.messages.models
import campaigns.own_phone.models
import campaigns.places.models
import campaigns.planning.acts.models
import campaigns.planning.approvals.approved_people
import campaigns.planning.do_no_harm.models
import campaigns.planning.links.counted_links
import campaigns.planning.models
import campaigns.planning.spending.models
import campaigns.proposals.models
import campaigns.public_pages.models
import campaigns.reach.imported.models
import campaigns.reach.models
import campaigns.reach.outcomes.models
import campaigns.reach.releases.models
import campaigns.staff.models
import campaigns.staff.typed.models  # noqa: F401
from campaigns.audience.consent.numbering import lacks_numbers
from campaigns.core.database import Base
from campaigns.core.errors import DamagedDataError, SettingsError
from campaigns.core.settings import PROJECT_ROOT

metadata = Base.metadata

#: Procrastinate's tables; what compares the database with our models leaves them out.
JOB_TABLES = frozenset(
    {"procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers"}
)


def is_our_table(name: str | None, kind: str, parents: Any) -> bool:
    """Say whether a thing in the database is ours to compare; for Alembic's `include_name`."""
    table = name if kind == "table" else parents.get("table_name")
    return table not in JOB_TABLES


def job_schema() -> str:
    """Return the SQL that makes Procrastinate's tables and functions, without importing it."""
    package = distribution("procrastinate")
    return Path(str(package.locate_file("procrastinate/sql/schema.sql"))).read_text(encoding="utf-8")


def add_job_tables(connection: Connection) -> None:
    """Make Procrastinate's tables and functions; nothing on another database than PostgreSQL."""
    if connection.dialect.name == "postgresql":
        # Many statements with percent signs in them: the driver must not look for parameters.
        cursor = connection.connection.cursor()
        cursor.execute(job_schema())
        cursor.close()


@event.listens_for(metadata, "after_create")
def _complete(target: Any, connection: Connection, **options: Any) -> None:
    """Let `metadata.create_all` make whole databases, as tests and benches use them."""
    if connection.dialect.name == "postgresql" and not inspect(connection).has_table("procrastinate_jobs"):
        add_job_tables(connection)
    MigrationContext.configure(connection).stamp(ScriptDirectory.from_config(migration_config()), "head")


def migration_config() -> Config:
    """Return Alembic's configuration, which stands in pyproject.toml."""
    return Config(toml_file=PROJECT_ROOT / "pyproject.toml")


class SchemaState(StrEnum):
    """How the tables of a database and this program go together."""

    CURRENT = "current"
    #: There are none yet.
    MISSING = "missing"
    OLDER = "older"
    #: Older than the first tables that this program knows, so that it cannot bring them up to date.
    TOO_OLD = "too old"
    #: A later version of the program has changed them.
    NEWER = "newer"


def schema_state(connection: Connection) -> SchemaState:
    """Return how the tables of a database and this program go together."""
    found = MigrationContext.configure(connection).get_current_heads()
    head, known = revisions()
    if not found:
        return SchemaState.MISSING
    if not known.issuperset(found):
        return SchemaState.TOO_OLD if max(found) < min(known) else SchemaState.NEWER
    return SchemaState.CURRENT if found == (head,) else SchemaState.OLDER


#: Tables that no migration of this program begins at.
BEYOND = frozenset({SchemaState.TOO_OLD, SchemaState.NEWER})


def check_schema(connection: Connection) -> None:
    """Raise SettingsError when this program does not know the tables as they are."""
    sentence = _UNFIT.get(schema_state(connection))
    if sentence:
        raise SettingsError(sentence)


_UNFIT = {
    SchemaState.MISSING: "The database has no tables yet: run `fingerpost setup` once.",
    SchemaState.OLDER: "The database is older than this program: run `fingerpost setup` once.",
    SchemaState.TOO_OLD: "A program before version 0.1 made the database: this one cannot bring it up to date.",
    SchemaState.NEWER: "This program is older than its database: install the version that changed the database.",
}


@cache
def revisions() -> tuple[str, frozenset[str]]:
    """Return the newest revision of this program and all that it knows."""
    scripts = ScriptDirectory.from_config(migration_config())
    head = scripts.get_current_head()
    return head or "", frozenset(script.revision for script in scripts.walk_revisions())


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to `revision`, by default the newest, in one transaction.

    Raises DamagedDataError when rows would point at nothing afterwards; then nothing was changed.
    """
    config = migration_config()
    with migrating(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that may change tables without losing rows.

    Raises SettingsError when the tables are of a program that is newer than this one, or too old for it.

    SQLite changes a column by copying its table and dropping the old one. With foreign keys in force that deletes
    what points at its rows, and only outside of a transaction can they be set aside.
    """
    with engine.connect() as connection:
        is_sqlite = engine.dialect.name == "sqlite"
        if is_sqlite:
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            if schema_state(connection) in BEYOND:
                check_schema(connection)
            before = MigrationContext.configure(connection).get_current_heads()
            is_behind = is_sqlite and before != (revisions()[0],)
            lost = _count_pointing_at_nothing(connection) if is_behind else 0
            yield connection
            after = MigrationContext.configure(connection).get_current_heads()
            if is_sqlite and after != before and _count_pointing_at_nothing(connection) > lost:
                raise DamagedDataError(
                    "Rows would point at nothing after this change of the tables; none was made."
                )
        # The next user of this connection gets a new one, with foreign keys in force.
        connection.invalidate()


def _count_pointing_at_nothing(connection: Connection) -> int:
    return len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())


def check_numbers(engine: Engine) -> None:
    """Raise SettingsError when addresses lack the hash of their number; OperationalError when nobody answers."""
    try:
        with Session(engine) as session:
            is_lacking = lacks_numbers(session)
    except ProgrammingError:
        raise SettingsError("The database lacks columns of this version: run `fingerpost setup` once.") from None
    if is_lacking:
        raise SettingsError(
            "Addresses do not know whose phone they are on, so a stop may miss them: run `fingerpost setup`."
        )
