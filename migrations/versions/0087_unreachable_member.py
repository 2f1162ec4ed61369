"""Keep which members no mail reaches."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0087"
down_revision: str | None = "0082"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "unreachable_member",
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("cause", sa.String(10), nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_unreachable_member_member_id_member")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_unreachable_member")),
    )


def downgrade() -> None:
    op.drop_table("unreachable_member")
