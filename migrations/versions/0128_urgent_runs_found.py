"""Find the urgent runs of an organisation by an index of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0128"
down_revision: str | None = "0137"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    is_urgent = sa.text("priority = 5")
    op.create_index(
        "ix_run_urgent", "run", ["organisation_id"], sqlite_where=is_urgent, postgresql_where=is_urgent
    )


def downgrade() -> None:
    op.drop_index("ix_run_urgent", "run")
