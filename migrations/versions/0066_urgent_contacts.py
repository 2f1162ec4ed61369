"""Keep to whom campaigns do not write because they speak with the team about a danger."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0066"
down_revision: str | None = "0065"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "urgent_contact",
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_urgent_contact_contact_id_contact")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_urgent_contact")),
    )


def downgrade() -> None:
    op.drop_table("urgent_contact")
