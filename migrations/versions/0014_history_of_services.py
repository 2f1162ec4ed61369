"""The history of who tried a service, when, how, and what came of it; what stands now is its first line."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "service_check",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("service_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("how", sa.String(length=100), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("recorded_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_service_check_service_id_service")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_service_check_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_check")),
    )
    op.create_index(op.f("ix_service_check_service_id"), "service_check", ["service_id"])
    op.execute(
        "INSERT INTO service_check (service_id, member_id, checked_on, how, outcome, numbers, recorded_at)"
        " SELECT id, verified_by_id, verified_on, COALESCE(verified_how, ''), 'answers', '[]', updated_at"
        " FROM service WHERE verified_on IS NOT NULL AND verified_by_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_table("service_check")
