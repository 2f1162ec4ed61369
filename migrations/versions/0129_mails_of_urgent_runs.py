"""Keep which mail tells a member of an urgent run: what became of it is known, and it is tried again."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0129"
down_revision: str | None = "0128"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("urgent_run_told") as table:
        table.add_column(sa.Column("mail_id", BigId, nullable=True))
        table.create_foreign_key(op.f("fk_urgent_run_told_mail_id_step_mail"), "step_mail", ["mail_id"], ["id"])
    op.create_index(op.f("ix_urgent_run_told_mail_id"), "urgent_run_told", ["mail_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_urgent_run_told_mail_id"), "urgent_run_told")
    with op.batch_alter_table("urgent_run_told") as table:
        table.drop_constraint(op.f("fk_urgent_run_told_mail_id_step_mail"), type_="foreignkey")
        table.drop_column("mail_id")
