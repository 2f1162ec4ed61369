"""Keep what is to be published until a worker has counted its people."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, StoredSentence, UTCDateTime, rows_with

revision: str = "0160"
down_revision: str | None = "0158"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

#: Its columns that name a row of another table.
NAMED = {
    "organisation_id": "organisation",
    "campaign_id": "campaign",
    "joint_id": "joint_request",
    "member_id": "member",
    "release_id": "release",
}


def upgrade() -> None:
    keys = [
        sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_asked_release_{column}_{table}"))
        for column, table in NAMED.items()
    ]
    op.create_table(
        "asked_release",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("view", sa.String(length=10), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("campaign_id", BigId, nullable=True),
        sa.Column("joint_id", BigId, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("began_at", UTCDateTime(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("ended_at", UTCDateTime(), nullable=True),
        sa.Column("refusal", StoredSentence(none_as_null=True), nullable=True),
        sa.Column("release_id", BigId, nullable=True),
        *keys,
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asked_release")),
    )
    op.create_index(op.f("ix_asked_release_organisation_id"), "asked_release", ["organisation_id"])
    op.create_index(op.f("ix_asked_release_due"), "asked_release", ["due_at"], **rows_with("due_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("asked_release")
