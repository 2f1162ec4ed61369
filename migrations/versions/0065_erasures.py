"""Erase people: a contact says when its data was erased, and what may still come is remembered for a day."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0065"
down_revision: str | None = "0064"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("contact", sa.Column("erased_at", UTCDateTime(), nullable=True))
    op.create_table(
        "erasure",
        sa.Column("contact_id", BigId, autoincrement=False, nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("erased_at", UTCDateTime(), nullable=True),
        sa.Column("references", sa.JSON(), nullable=False),
        sa.Column("receipts_through", BigId, nullable=False),
        sa.Column("reply_ids", sa.JSON(), nullable=False),
        sa.Column("cleaned_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_erasure_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_erasure")),
    )


def downgrade() -> None:
    op.drop_table("erasure")
    op.drop_column("contact", "erased_at")
