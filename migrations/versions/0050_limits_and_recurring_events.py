"""Limits that all processes share, and events that the audit trail is told of once an hour."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0050"
down_revision: str | None = "0048"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "leaky_bucket",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("empty_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_leaky_bucket")),
    )
    op.create_index(op.f("ix_leaky_bucket_empty_at"), "leaky_bucket", ["empty_at"])
    op.create_table(
        "recurring_event",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", _BIG, nullable=False),
        sa.Column("organisation_id", _BIG, nullable=True),
        sa.Column("member_id", _BIG, nullable=True),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("untold", sa.Integer(), nullable=False),
        sa.Column("told_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recurring_event")),
        sa.UniqueConstraint("key", name=op.f("uq_recurring_event_key")),
    )
    op.create_index(op.f("ix_recurring_event_told_at"), "recurring_event", ["told_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_recurring_event_told_at"), table_name="recurring_event")
    op.drop_table("recurring_event")
    op.drop_index(op.f("ix_leaky_bucket_empty_at"), table_name="leaky_bucket")
    op.drop_table("leaky_bucket")
