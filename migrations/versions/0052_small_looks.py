"""Who saw that an audience is small."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0052"
down_revision: str | None = "0044"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "small_look",
        sa.Column("id", campaigns.core.database.BigId, nullable=False),
        sa.Column("organisation_id", campaigns.core.database.BigId, nullable=False),
        sa.Column("member_id", campaigns.core.database.BigId, nullable=False),
        sa.Column("at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_small_look_member_id_member")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_small_look_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_small_look")),
    )
    op.create_index("ix_small_look_at", "small_look", ["organisation_id", "at"])


def downgrade() -> None:
    op.drop_index("ix_small_look_at", table_name="small_look")
    op.drop_table("small_look")
