"""Changes that take two members."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0042"
down_revision: str | None = "0041"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "proposal",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", BigId, nullable=False),
        sa.Column("topic", sa.String(length=254), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("proposed_by_id", BigId, nullable=False),
        sa.Column("proposed_at", UTCDateTime(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("settled_by_id", BigId, nullable=True),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_proposal_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["member.id"], name=op.f("fk_proposal_proposed_by_id_member")),
        sa.ForeignKeyConstraint(["settled_by_id"], ["member.id"], name=op.f("fk_proposal_settled_by_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )
    op.create_index(
        "uq_proposal_waiting",
        "proposal",
        ["organisation_id", "kind", "subject_type", "subject_id", "topic"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_proposal_lately", "proposal", ["organisation_id", "settled_at"])


def downgrade() -> None:
    op.drop_index("ix_proposal_lately", table_name="proposal")
    op.drop_index("uq_proposal_waiting", table_name="proposal")
    op.drop_table("proposal")
