"""Quiet hours that begin while a run is being sent."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    moment = campaigns.core.database.UTCDateTime()
    op.create_table(
        "run_quiet",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("begins_at", moment, nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_quiet_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", "time_zone", "country", "begins_at", name=op.f("pk_run_quiet")),
    )


def downgrade() -> None:
    op.drop_table("run_quiet")
