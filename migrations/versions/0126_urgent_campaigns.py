"""Keep why a campaign is urgent, and whether it was approved as such."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0126"
down_revision: str | None = "0125"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("campaign", sa.Column("urgent_reason", sa.String(length=300), nullable=True))
    for table in ("approval", "asked_act"):
        op.add_column(table, sa.Column("as_urgent", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for table in ("asked_act", "approval"):
        op.drop_column(table, "as_urgent")
    op.drop_column("campaign", "urgent_reason")
