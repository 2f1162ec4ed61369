"""Keep which reader says of a complaint that it is none, and why, until another one agrees."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0096"
down_revision: str | None = "0094"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("complaint") as table:
        table.add_column(sa.Column("doubted_by_id", BigId, nullable=True))
        table.add_column(sa.Column("doubted_at", UTCDateTime(), nullable=True))
        table.add_column(sa.Column("doubt", sa.String(length=12), nullable=True))
        table.create_foreign_key(op.f("fk_complaint_doubted_by_id_member"), "member", ["doubted_by_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("complaint") as table:
        table.drop_constraint(op.f("fk_complaint_doubted_by_id_member"), type_="foreignkey")
        table.drop_column("doubt")
        table.drop_column("doubted_at")
        table.drop_column("doubted_by_id")
