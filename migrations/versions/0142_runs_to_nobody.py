"""Find the runs that ended without a message by an index of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0142"
down_revision: str | None = "0141"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    is_empty = sa.text("planned = 0 AND state = 'done'")
    columns = ["organisation_id", "finished_at"]
    op.create_index("ix_run_empty", "run", columns, sqlite_where=is_empty, postgresql_where=is_empty)


def downgrade() -> None:
    op.drop_index("ix_run_empty", "run")
