"""Keep reports without a name, and answers that wait until somebody asks for them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0090"
down_revision: str | None = "0085"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "unnamed_report",
        sa.Column("conversation_id", BigId, autoincrement=False, nullable=False),
        sa.Column("code", sa.LargeBinary(length=32), nullable=False),
        sa.Column("may_answer", sa.Boolean(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("likeness", sa.BigInteger(), nullable=True),
        sa.Column("same_as_id", BigId, nullable=True),
        sa.Column("contact_reply_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_unnamed_report_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["same_as_id"],
            ["conversation.id"],
            name=op.f("fk_unnamed_report_same_as_id_conversation"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_unnamed_report")),
        sa.UniqueConstraint("code", name=op.f("uq_unnamed_report_code")),
    )
    op.create_index(op.f("ix_unnamed_report_likeness"), "unnamed_report", ["likeness"])
    op.create_index(op.f("ix_unnamed_report_same_as_id"), "unnamed_report", ["same_as_id"])
    with op.batch_alter_table("answer") as table:
        table.add_column(sa.Column("sealed_text", sa.LargeBinary(), nullable=True))
        table.alter_column("run_id", existing_type=BigId, nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM answer WHERE run_id IS NULL")
    with op.batch_alter_table("answer") as table:
        table.alter_column("run_id", existing_type=BigId, nullable=False)
        table.drop_column("sealed_text")
    op.drop_table("unnamed_report")
