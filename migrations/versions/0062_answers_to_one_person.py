"""Let a run answer one person: it is of no campaign, and its words are sealed."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0062"
down_revision: str | None = "0061"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("run") as table:
        table.alter_column("campaign_id", existing_type=BigId, nullable=True)
    op.add_column("run_text", sa.Column("sealed_body", sa.LargeBinary(), nullable=True))
    op.create_table(
        "run_answer",
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_answer_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_answer")),
    )


def downgrade() -> None:
    op.drop_table("run_answer")
    op.drop_column("run_text", "sealed_body")
    with op.batch_alter_table("run") as table:
        table.alter_column("campaign_id", existing_type=BigId, nullable=False)
