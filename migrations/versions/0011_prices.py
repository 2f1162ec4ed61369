"""What a sender costs by country, and what a run of a campaign may cost."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("sender", sa.Column("prices", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("campaign", sa.Column("budget_cents", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("campaign") as batch_op:
        batch_op.drop_column("budget_cents")
    with op.batch_alter_table("sender") as batch_op:
        batch_op.drop_column("prices")
