"""Keep who of an organisation answers in which hours of the week."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0073"
down_revision: str | None = "0070"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "duty",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("days", sa.String(7), nullable=False),
        sa.Column("begin", sa.SmallInteger(), nullable=False),
        sa.Column("end", sa.SmallInteger(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_duty_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
    )
    op.create_index(op.f("ix_duty_organisation_id"), "duty", ["organisation_id"])
    op.create_table(
        "duty_member",
        sa.Column("duty_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("part", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(
            ["duty_id"], ["duty.id"], name=op.f("fk_duty_member_duty_id_duty"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_duty_member_member_id_member")),
        sa.PrimaryKeyConstraint("duty_id", "member_id", "part", name=op.f("pk_duty_member")),
    )
    op.create_index("ix_duty_member_member_id", "duty_member", ["member_id"])
    is_lead = sa.text("part = 'lead'")
    op.create_index(
        "uq_duty_member_lead",
        "duty_member",
        ["duty_id"],
        unique=True,
        sqlite_where=is_lead,
        postgresql_where=is_lead,
    )


def downgrade() -> None:
    op.drop_table("duty_member")
    op.drop_table("duty")
