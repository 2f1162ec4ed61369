"""Keep what members typed into forms and have not saved."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0122"
down_revision: str | None = "0111"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "typed_form",
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("sealed_fields", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_typed_form_member_id_member")),
        sa.PrimaryKeyConstraint("member_id", "path", name=op.f("pk_typed_form")),
    )
    op.create_index(op.f("ix_typed_form_saved_at"), "typed_form", ["saved_at"])


def downgrade() -> None:
    op.drop_table("typed_form")
