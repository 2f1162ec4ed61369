"""Keep the message that corrects whatever the campaigns of an organisation say."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0143"
down_revision: str | None = "0142"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "common_correction",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("chosen_by_id", BigId, nullable=False),
        sa.Column("chosen_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_common_correction_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_common_correction_message_id_message")
        ),
        sa.ForeignKeyConstraint(
            ["chosen_by_id"], ["member.id"], name=op.f("fk_common_correction_chosen_by_id_member")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_common_correction")),
    )


def downgrade() -> None:
    op.drop_table("common_correction")
