"""Which instance a database belongs to, how far its workers came, and whether it may send."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    instance = op.create_table(
        "instance",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("place", sa.String(length=100), nullable=True),
        sa.Column("latched_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.Column("latched_because", sa.String(length=10), nullable=True),
        sa.Column("released_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.Column("forgiven", sa.JSON(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pulse")),
    )
    op.bulk_insert(instance, [{"id": 1, "code": uuid4().hex}])


def downgrade() -> None:
    op.drop_table("pulse")
    op.drop_table("instance")
