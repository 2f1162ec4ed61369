"""How far each provider's list of what people wrote has been read."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0025"
down_revision: str | None = "0017"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "inbound_look",
        sa.Column("sender_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("through", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name=op.f("fk_inbound_look_sender_id_sender")),
        sa.PrimaryKeyConstraint("sender_id", name=op.f("pk_inbound_look")),
    )


def downgrade() -> None:
    op.drop_table("inbound_look")
