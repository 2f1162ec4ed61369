"""Replies whose organisation nobody can tell wait in triage, and starts that nothing proves are marked."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0046"
down_revision: str | None = "0049"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("reply", sa.Column("is_unheeded", sa.Boolean(), server_default=sa.false(), nullable=False))
    unheeded, waits = sa.text("is_unheeded"), sa.text("assigned_at IS NULL")
    op.create_index(
        "ix_reply_unheeded",
        "reply",
        ["organisation_id", "received_at"],
        sqlite_where=unheeded,
        postgresql_where=unheeded,
    )
    op.create_table(
        "triage",
        sa.Column("reply_id", _BIG, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("came_to", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("assigned_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["reply_id"], ["reply.id"], name=op.f("fk_triage_reply_id_reply")),
        sa.PrimaryKeyConstraint("reply_id", name=op.f("pk_triage")),
    )
    op.create_index("ix_triage_unassigned", "triage", ["reply_id"], sqlite_where=waits, postgresql_where=waits)
    # They were in nobody's inbox.
    op.execute(
        "INSERT INTO triage (reply_id, account, came_to, reason)"
        " SELECT id, '', '', 'earlier' FROM reply WHERE organisation_id IS NULL"
    )


def downgrade() -> None:
    op.drop_index("ix_triage_unassigned", table_name="triage")
    op.drop_table("triage")
    op.drop_index("ix_reply_unheeded", table_name="reply")
    with op.batch_alter_table("reply") as batch:
        batch.drop_column("is_unheeded")
