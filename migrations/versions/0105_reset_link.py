"""Keep who is to get a link for a new password by mail, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime, rows_with

revision: str = "0105"
down_revision: str | None = "0120"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "reset_link",
        sa.Column("id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=True),
        sa.Column("is_invitation", sa.Boolean(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("made_at", UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.Column("used_at", UTCDateTime(), nullable=True),
        sa.Column("done_at", UTCDateTime(), nullable=True),
        sa.Column("told_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_reset_link_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reset_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_reset_link_token_hash")),
    )
    op.create_index(op.f("ix_reset_link_member_id"), "reset_link", ["member_id"])
    op.create_index(op.f("ix_reset_link_asked_at"), "reset_link", ["asked_at"])
    op.create_index(
        op.f("ix_reset_link_waiting"),
        "reset_link",
        ["id"],
        **rows_with("settled_at IS NULL OR (done_at IS NOT NULL AND told_at IS NULL)"),
    )


def downgrade() -> None:
    op.drop_table("reset_link")
