"""Keep what providers say that messages cost, and what is left on their accounts."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0120"
down_revision: str | None = "0115"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "told_cost",
        sa.Column("secret_name", sa.String(length=60), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("micros", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_told_cost_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint(
            "secret_name", "day", "organisation_id", "country", "currency", name=op.f("pk_told_cost")
        ),
    )
    op.create_index(op.f("ix_told_cost_month"), "told_cost", ["organisation_id", "month"])
    op.create_table(
        "told_day",
        sa.Column("secret_name", sa.String(length=60), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("read_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("secret_name", "day", name=op.f("pk_told_day")),
    )
    op.create_table(
        "account_balance",
        sa.Column("secret_name", sa.String(length=60), nullable=False),
        sa.Column("gateway", sa.String(length=30), nullable=False),
        sa.Column("micros", BigId, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("told_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("secret_name", name=op.f("pk_account_balance")),
    )


def downgrade() -> None:
    op.drop_table("account_balance")
    op.drop_table("told_day")
    op.drop_table("told_cost")
