"""Know which forms for a report were sent, so that one that is sent twice gives a new code for the same report."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0093"
down_revision: str | None = "0090"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "sent_form",
        sa.Column("stamp", sa.LargeBinary(length=32), nullable=False),
        sa.Column("said", sa.LargeBinary(length=32), nullable=False),
        sa.Column("conversation_id", BigId, nullable=True),
        sa.Column("sent_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_sent_form_conversation_id_conversation"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("stamp", name=op.f("pk_sent_form")),
    )
    op.create_index(op.f("ix_sent_form_conversation_id"), "sent_form", ["conversation_id"])


def downgrade() -> None:
    op.drop_table("sent_form")
