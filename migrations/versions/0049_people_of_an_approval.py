"""Who was in an audience when it was approved, a bit for each contact id."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0049"
down_revision: str | None = "0050"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "approved_people",
        sa.Column("approval_id", BigId, autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bits", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approval.id"], name=op.f("fk_approved_people_approval_id_approval")
        ),
        sa.PrimaryKeyConstraint("approval_id", "block", name=op.f("pk_approved_people")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("approved_people")
