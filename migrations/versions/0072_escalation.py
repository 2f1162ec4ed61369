"""Keep since when somebody waits as urgently as they do now, and the steps taken because nobody answered."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0072"
down_revision: str | None = "0068"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("conversation", sa.Column("urgent_since", UTCDateTime(), nullable=True))
    op.execute("UPDATE conversation SET urgent_since = waiting_since")
    op.create_table(
        "escalation_step",
        sa.Column("id", BigId, nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.Column("step", sa.String(12), nullable=False),
        sa.Column("taken_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_escalation_step_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_escalation_step_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_step")),
        sa.UniqueConstraint(
            "conversation_id", "since", "step", name=op.f("uq_escalation_step_conversation_id_since_step")
        ),
    )
    op.create_index("ix_escalation_step_taken", "escalation_step", ["organisation_id", "taken_at"])


def downgrade() -> None:
    op.drop_table("escalation_step")
    op.drop_column("conversation", "urgent_since")
