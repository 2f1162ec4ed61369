"""Over which account of its provider a sender's messages go, and since when."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0022"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "sender_account",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sender_id", BigId, nullable=False),
        sa.Column("is_rehearsal", sa.Boolean(), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name=op.f("fk_sender_account_sender_id_sender")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender_account")),
    )
    op.create_index(op.f("ix_sender_account_sender_id"), "sender_account", ["sender_id"])


def downgrade() -> None:
    op.drop_table("sender_account")
