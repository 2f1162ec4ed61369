"""Keep what a member asked for until its people are counted."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, StoredSentence, UTCDateTime, rows_with

revision: str = "0115"
down_revision: str | None = "0119"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "asked_act",
        sa.Column("id", BigId, nullable=False),
        sa.Column("campaign_id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=True),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("whole", sa.Integer(), nullable=False),
        sa.Column("refusal", StoredSentence(none_as_null=True), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_asked_act_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_asked_act_run_id_run")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_asked_act_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asked_act")),
        sa.UniqueConstraint("campaign_id", name=op.f("uq_asked_act_campaign_id")),
    )
    op.create_index(op.f("ix_asked_act_due"), "asked_act", ["due_at"], **rows_with("due_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("asked_act")
