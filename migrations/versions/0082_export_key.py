"""Keep the public key to which an organisation has its exports encrypted."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0082"
down_revision: str | None = "0084"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "export_key",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("recipient", sa.String(80), nullable=False),
        sa.Column("encrypted_word", sa.String(1000), nullable=False),
        sa.Column("word_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("added_by_id", BigId, nullable=False),
        sa.Column("added_at", UTCDateTime(), nullable=False),
        sa.Column("confirmed_by_id", BigId, nullable=True),
        sa.Column("confirmed_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["added_by_id"], ["member.id"], name=op.f("fk_export_key_added_by_id_member")),
        sa.ForeignKeyConstraint(
            ["confirmed_by_id"], ["member.id"], name=op.f("fk_export_key_confirmed_by_id_member")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_export_key_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_key")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_export_key_organisation_id")),
    )


def downgrade() -> None:
    op.drop_table("export_key")
