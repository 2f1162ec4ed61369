"""Keep what a reviewer says who returns a text, until there is another text."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0108"
down_revision: str | None = "0122"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "returned_text",
        sa.Column("translation_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("comment", sa.String(length=500), nullable=False),
        sa.Column("returned_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["translation_id"],
            ["translation.id"],
            name=op.f("fk_returned_text_translation_id_translation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_returned_text_member_id_member")),
        sa.PrimaryKeyConstraint("translation_id", name=op.f("pk_returned_text")),
    )


def downgrade() -> None:
    op.drop_table("returned_text")
