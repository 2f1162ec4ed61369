"""Note by the day what people write about."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0084"
down_revision: str | None = "0086"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "conversation_theme",
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("theme", sa.String(10), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("region_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_conversation_theme_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_conversation_theme_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_conversation_theme_region_id_region")),
        sa.PrimaryKeyConstraint("conversation_id", "theme", "on_day", name=op.f("pk_conversation_theme")),
    )
    op.create_index("ix_conversation_theme_day", "conversation_theme", ["organisation_id", "on_day"])


def downgrade() -> None:
    op.drop_table("conversation_theme")
