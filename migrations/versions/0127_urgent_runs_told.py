"""Keep which members a mail told that an urgent run is being sent."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0127"
down_revision: str | None = "0126"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "urgent_run_told",
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("told_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_urgent_run_told_run_id_run")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_urgent_run_told_member_id_member")),
        sa.PrimaryKeyConstraint("run_id", "member_id", name=op.f("pk_urgent_run_told")),
    )


def downgrade() -> None:
    op.drop_table("urgent_run_told")
