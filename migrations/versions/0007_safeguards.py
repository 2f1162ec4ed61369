"""Checklists, corrections and withdrawals, canaries, and who asked that a paused run goes on."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "canary_delivery",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "delivery_id", name=op.f("pk_canary_delivery")),
    )
    op.create_table(
        "withdrawal",
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("withdrawn_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_withdrawal_member_id_member")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_withdrawal_message_id_message")),
        sa.PrimaryKeyConstraint("message_id", "version", name=op.f("pk_withdrawal")),
    )
    op.create_table(
        "harm_review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("answered_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_harm_review_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_harm_review_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_harm_review")),
    )
    with op.batch_alter_table("harm_review", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_harm_review_campaign_id"), ["campaign_id"], unique=False)

    op.create_table(
        "run_canary",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("sent_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.Column("decided_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("opted_out", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_canary_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_canary")),
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.add_column(sa.Column("content", sa.JSON(), nullable=True))

    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("correction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_campaign_correction_id_message"), "message", ["correction_id"], ["id"]
        )

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("corrects_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("paused_by_itself", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(
            sa.Column("resume_asked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("resume_asked_at", campaigns.core.database.UTCDateTime(), nullable=True))
        batch_op.create_index(batch_op.f("ix_run_corrects_id"), ["corrects_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_run_corrects_id_run"), "run", ["corrects_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_run_resume_asked_by_id_member"), "member", ["resume_asked_by_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_run_resume_asked_by_id_member"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_run_corrects_id_run"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_run_corrects_id"))
        batch_op.drop_column("resume_asked_at")
        batch_op.drop_column("resume_asked_by_id")
        batch_op.drop_column("paused_by_itself")
        batch_op.drop_column("corrects_id")

    with op.batch_alter_table("campaign", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_campaign_correction_id_message"), type_="foreignkey")
        batch_op.drop_column("correction_id")

    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.drop_column("content")

    op.drop_table("run_canary")
    with op.batch_alter_table("harm_review", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_harm_review_campaign_id"))

    op.drop_table("harm_review")
    op.drop_table("withdrawal")
    op.drop_table("canary_delivery")
