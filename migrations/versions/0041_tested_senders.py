"""When a sender's provider was asked last, and what it had against us."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0041"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("sender", sa.Column("tested_at", campaigns.core.database.UTCDateTime(), nullable=True))
    op.add_column("sender", sa.Column("test_code", sa.String(length=40), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("sender") as batch:
        batch.drop_column("test_code")
        batch.drop_column("tested_at")
