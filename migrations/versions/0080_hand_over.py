"""Offer a conversation to another organisation, and keep what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime, rows_with

revision: str = "0080"
down_revision: str | None = "0074"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "hand_over",
        sa.Column("id", BigId, nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("receiver_id", BigId, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("code", sa.String(6), nullable=False),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.String(10), nullable=True),
        sa.Column("region_code", sa.String(10), nullable=True),
        sa.Column("topics", sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("sealed_summary", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_consent", sa.LargeBinary(), nullable=False),
        sa.Column("offered_by_id", BigId, nullable=False),
        sa.Column("offered_at", UTCDateTime(), nullable=False),
        sa.Column("due_at", UTCDateTime(), nullable=False),
        sa.Column("decided_by_id", BigId, nullable=True),
        sa.Column("decided_at", UTCDateTime(), nullable=True),
        sa.Column("sealed_reason", sa.LargeBinary(), nullable=True),
        sa.Column("came_at", UTCDateTime(), nullable=True),
        sa.Column("helped_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_hand_over_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["decided_by_id"], ["member.id"], name=op.f("fk_hand_over_decided_by_id_member")),
        sa.ForeignKeyConstraint(["offered_by_id"], ["member.id"], name=op.f("fk_hand_over_offered_by_id_member")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_hand_over_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(
            ["receiver_id"], ["organisation.id"], name=op.f("fk_hand_over_receiver_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_over")),
    )
    op.create_index(op.f("ix_hand_over_conversation_id"), "hand_over", ["conversation_id"])
    op.create_index("ix_hand_over_code", "hand_over", ["receiver_id", "code"], unique=True)
    op.create_index("ix_hand_over_offered", "hand_over", ["organisation_id", "id"])
    still_open = rows_with("state IN ('offered', 'accepted')")
    op.create_index("uq_hand_over_open", "hand_over", ["conversation_id"], unique=True, **still_open)
    op.create_index("ix_hand_over_due", "hand_over", ["due_at"], **rows_with("state = 'offered'"))


def downgrade() -> None:
    op.drop_table("hand_over")
