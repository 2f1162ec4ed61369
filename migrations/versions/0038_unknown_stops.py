"""Stops that found nobody we wrote to lately, kept without the handle."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0038"
down_revision: str | None = "0020"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "unknown_stop",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("organisation_id", _BIG, nullable=True),
        sa.Column("sender_id", _BIG, nullable=True),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("said_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_unknown_stop_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name=op.f("fk_unknown_stop_sender_id_sender")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unknown_stop")),
    )
    op.create_index(op.f("ix_unknown_stop_said_at"), "unknown_stop", ["said_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_unknown_stop_said_at"), table_name="unknown_stop")
    op.drop_table("unknown_stop")
