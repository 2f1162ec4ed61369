"""Every mapped class in one place, so that metadata is whole for migrations and tests, and how to migrate."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

import campaigns.audience.models
import campaigns.delivery.models
import campaigns.inbox.models
import campaigns.messages.models
import campaigns.places.models
import campaigns.planning.models
import campaigns.reach.models
import campaigns.staff.models  # noqa: F401
from campaigns.core.database import Base
from campaigns.core.settings import PROJECT_ROOT

metadata = Base.metadata


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
