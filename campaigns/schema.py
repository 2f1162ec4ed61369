"""Every mapped class in one place, so that metadata is whole for migrations and tests, and how to migrate.

On PostgreSQL the tables of Procrastinate stand beside ours: it defines them, and our migrations make them.
"""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

import campaigns.audience.models
import campaigns.continuity.models
import campaigns.delivery.models
import campaigns.inbox.models
import campaigns.messages.models
import campaigns.places.models
import campaigns.planning.models
import campaigns.reach.imported.models
import campaigns.reach.models
import campaigns.reach.outcomes.models
import campaigns.reach.releases.models
import campaigns.staff.models  # noqa: F401
from campaigns.audience.numbering import lacks_numbers
from campaigns.core.database import Base
from campaigns.core.errors import SettingsError
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
def _create_job_tables(target: Any, connection: Connection, **options: Any) -> None:
    """Let `metadata.create_all` make whole databases, as tests and benches use them."""
    if connection.dialect.name == "postgresql" and not inspect(connection).has_table("procrastinate_jobs"):
        add_job_tables(connection)


def migration_config() -> Config:
    """Return Alembic's configuration, which stands in pyproject.toml."""
    return Config(toml_file=PROJECT_ROOT / "pyproject.toml")


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to `revision`, by default the newest, in one transaction."""
    config = migration_config()
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # SQLite changes a column by copying its table, which foreign keys would forbid; only outside of a
            # transaction can they be set aside.
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        # The next user of this connection gets a new one, with foreign keys in force.
        connection.invalidate()


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
