"""Keep who is to be told by mail that a second member has to agree to a hand-over."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0095"
down_revision: str | None = "0093"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "second_member_told",
        sa.Column("hand_over_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("mail_id", BigId, nullable=True),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["hand_over_id"],
            ["hand_over.id"],
            name=op.f("fk_second_member_told_hand_over_id_hand_over"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_second_member_told_member_id_member")),
        sa.ForeignKeyConstraint(
            ["mail_id"], ["step_mail.id"], name=op.f("fk_second_member_told_mail_id_step_mail")
        ),
        sa.PrimaryKeyConstraint("hand_over_id", "member_id", name=op.f("pk_second_member_told")),
    )
    op.create_index(op.f("ix_second_member_told_mail_id"), "second_member_told", ["mail_id"])
    is_pending = sa.text("settled_at IS NULL")
    op.create_index(
        "ix_second_member_told_pending",
        "second_member_told",
        ["member_id"],
        sqlite_where=is_pending,
        postgresql_where=is_pending,
    )


def downgrade() -> None:
    op.drop_table("second_member_told")
