"""Remember whose directory everybody may read, and who reviewed what pages for people say in a language."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0088"
down_revision: str | None = "0081"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "public_profile",
        sa.Column("organisation_id", BigId, autoincrement=False, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("shown_name", sa.String(length=200), nullable=False),
        sa.Column("contact", sa.String(length=200), nullable=False),
        sa.Column("updated_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_public_profile_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_public_profile")),
    )
    op.create_table(
        "public_text_review",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("is_fit", sa.Boolean(), nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("reviewed_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_public_text_review_member_id_member")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_public_text_review_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_public_text_review")),
    )
    op.create_index("ix_public_text_review_language", "public_text_review", ["language", "id"])
    op.create_index(op.f("ix_public_text_review_organisation_id"), "public_text_review", ["organisation_id"])


def downgrade() -> None:
    op.drop_table("public_text_review")
    op.drop_table("public_profile")
