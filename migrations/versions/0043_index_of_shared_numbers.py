"""SQLite uses an index of some rows only where its condition is written as the query has it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0043"
down_revision: str | None = "0042"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

NAME = "ix_address_is_shared"


def upgrade() -> None:
    _make_anew("is_shared = 1")


def downgrade() -> None:
    _make_anew("is_shared")


def _make_anew(condition: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(NAME, table_name="address")
        op.create_index(NAME, "address", ["contact_id"], sqlite_where=sa.text(condition))
