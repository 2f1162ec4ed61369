"""Joint releases that wait for the other organisations, and proposals that come from a partner."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0057"
down_revision: str | None = "0056"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("proposal") as batch:
        batch.add_column(sa.Column("proposed_in_id", BigId, nullable=True))
        batch.create_foreign_key(
            batch.f("fk_proposal_proposed_in_id_organisation"), "organisation", ["proposed_in_id"], ["id"]
        )
    op.create_table(
        "joint_request",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("organisation_ids", sa.JSON(), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("release_id", BigId, nullable=True),
        sa.Column("asked_by_id", BigId, nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by_id"], ["member.id"], name=op.f("fk_joint_request_asked_by_id_member")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_joint_request_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name=op.f("fk_joint_request_release_id_release")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_joint_request")),
    )
    op.create_index("ix_joint_request_organisation_id", "joint_request", ["organisation_id"])
    op.create_index(
        "uq_joint_request_waiting",
        "joint_request",
        ["period"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_index("uq_joint_request_waiting", table_name="joint_request")
    op.drop_index("ix_joint_request_organisation_id", table_name="joint_request")
    op.drop_table("joint_request")
    with op.batch_alter_table("proposal") as batch:
        batch.drop_constraint(batch.f("fk_proposal_proposed_in_id_organisation"), type_="foreignkey")
        batch.drop_column("proposed_in_id")
