"""Runs the migrations against the configured database (or the connection a caller hands over)."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from campaigns.core.database import make_engine
from campaigns.core.settings import load_settings
from campaigns.schema import is_our_table, metadata, migrating


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        include_name=is_our_table,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    with migrating(make_engine(load_settings().database_url)) as own:
        run(own)
