"""Keep the phone that a member proved to be theirs, and which test texts went to it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0104"
down_revision: str | None = "0091"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "member_phone",
        sa.Column("id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("sealed_number", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.LargeBinary(length=32), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_made_at", UTCDateTime(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("proved_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_member_phone_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_phone")),
        sa.UniqueConstraint("member_id", name=op.f("uq_member_phone_member_id")),
    )
    op.create_table(
        "test_text",
        sa.Column("run_id", BigId, autoincrement=False, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("is_code", sa.Boolean(), nullable=False),
        sa.Column("cents", sa.Integer(), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_test_text_run_id_run")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_test_text_member_id_member")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_test_text_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_test_text")),
    )
    op.create_index(op.f("ix_test_text_member_id"), "test_text", ["member_id", "asked_at"])
    op.create_index(op.f("ix_test_text_organisation_id"), "test_text", ["organisation_id", "asked_at"])


def downgrade() -> None:
    op.drop_table("test_text")
    op.drop_table("member_phone")
