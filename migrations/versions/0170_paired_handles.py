"""Keep by which two handles WhatsApp knows one person."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import UTCDateTime

revision: str = "0170"
down_revision: str | None = "0160"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "paired_handle",
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.LargeBinary(length=32), nullable=False),
        sa.Column("shown_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", name=op.f("pk_paired_handle")),
        sa.UniqueConstraint("number", name=op.f("uq_paired_handle_number")),
    )


def downgrade() -> None:
    op.drop_table("paired_handle")
