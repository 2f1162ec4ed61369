"""Keep what runs cost, and what an organisation lets its campaigns spend in a month."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0119"
down_revision: str | None = "0104"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "spending_limit",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("set_by_id", BigId, nullable=False),
        sa.Column("set_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_spending_limit_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["set_by_id"], ["member.id"], name=op.f("fk_spending_limit_set_by_id_member")),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_spending_limit")),
    )
    op.create_table(
        "run_cost",
        sa.Column("run_id", BigId, autoincrement=False, nullable=False),
        sa.Column("sender_id", BigId, autoincrement=False, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("micros", BigId, nullable=False),
        sa.Column("coming_micros", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_run_cost_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("run_id", "sender_id", "country", name=op.f("pk_run_cost")),
    )
    op.create_index(op.f("ix_run_cost_month"), "run_cost", ["organisation_id", "month"])
    op.create_table(
        "run_cost_count",
        sa.Column("run_id", BigId, autoincrement=False, nullable=False),
        sa.Column("counted_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_cost_count")),
    )


def downgrade() -> None:
    op.drop_table("run_cost_count")
    op.drop_table("run_cost")
    op.drop_table("spending_limit")
