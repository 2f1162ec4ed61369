"""Say which messages are sent by themselves when somebody writes, why each was, and what people were asked."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0069"
down_revision: str | None = "0073"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("answer", sa.Column("occasion", sa.String(20), nullable=True))
    op.create_table(
        "automatic_text",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("occasion", sa.String(20), nullable=False),
        sa.Column("message_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_automatic_text_message_id_message")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_automatic_text_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "occasion", name=op.f("pk_automatic_text")),
    )
    op.create_table(
        "open_question",
        sa.Column("conversation_id", BigId, autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(10), nullable=False),
        sa.Column("choices", sa.JSON(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_open_question_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_open_question")),
    )


def downgrade() -> None:
    op.drop_table("open_question")
    op.drop_table("automatic_text")
    op.drop_column("answer", "occasion")
