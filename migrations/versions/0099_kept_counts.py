"""Keep what a count of people found, so that no page counts them while it is opened."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime, rows_with

revision: str = "0099"
down_revision: str | None = "0097"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "kept_count",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("question", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("counted_at", UTCDateTime(), nullable=True),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("needed_at", UTCDateTime(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_kept_count_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_count")),
        sa.UniqueConstraint("organisation_id", "digest", name=op.f("uq_kept_count_organisation_id_digest")),
    )
    op.create_index(op.f("ix_kept_count_due"), "kept_count", ["due_at"], **rows_with("due_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("kept_count")
