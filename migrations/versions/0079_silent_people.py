"""Ask those who are silent for long once whether to go on, and leave out who does not answer."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0079"
down_revision: str | None = "0069"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("contact", sa.Column("silent_since", UTCDateTime(), nullable=True))
    op.create_table(
        "asked_contact",
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_asked_contact_contact_id_contact")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_asked_contact_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_asked_contact")),
    )
    op.create_index("ix_asked_contact_run", "asked_contact", ["run_id"])
    op.create_index("ix_asked_contact_of", "asked_contact", ["organisation_id"])


def downgrade() -> None:
    op.drop_table("asked_contact")
    op.drop_column("contact", "silent_since")
