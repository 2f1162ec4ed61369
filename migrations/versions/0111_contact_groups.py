"""Let an organisation group its contacts by programme, partner or cohort."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0111"
down_revision: str | None = "0121"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "contact_group",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("folded", sa.String(length=200), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_contact_group_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_group")),
        sa.UniqueConstraint("organisation_id", "folded", name=op.f("uq_contact_group_organisation_id_folded")),
    )
    op.create_table(
        "grouped_contact",
        sa.Column("group_id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["contact_group.id"], name=op.f("fk_grouped_contact_group_id_contact_group")
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contact.id"], name=op.f("fk_grouped_contact_contact_id_contact")
        ),
        sa.PrimaryKeyConstraint("group_id", "contact_id", name=op.f("pk_grouped_contact")),
    )
    op.create_index(op.f("ix_grouped_contact_contact_id"), "grouped_contact", ["contact_id"])


def downgrade() -> None:
    op.drop_table("grouped_contact")
    op.drop_table("contact_group")
