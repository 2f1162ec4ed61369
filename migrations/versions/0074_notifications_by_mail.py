"""Keep who is to be told that somebody waits, the mails that tell it, and how it was proved that mail arrives."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0074"
down_revision: str | None = "0079"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "step_mail",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("conversations", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_step_mail_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_step_mail_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_step_mail")),
    )
    op.create_index(op.f("ix_step_mail_organisation_id"), "step_mail", ["organisation_id"])
    op.create_index("ix_step_mail_latest", "step_mail", ["member_id", "created_at"])
    is_open = sa.text("state <> 'sent'")
    op.create_index(
        "ix_step_mail_open", "step_mail", ["changed_at"], sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_table(
        "told",
        sa.Column("step_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.Column("mail_id", BigId, nullable=True),
        sa.Column("settled_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["step_id"], ["escalation_step.id"], name=op.f("fk_told_step_id_escalation_step"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_told_member_id_member")),
        sa.ForeignKeyConstraint(["mail_id"], ["step_mail.id"], name=op.f("fk_told_mail_id_step_mail")),
        sa.PrimaryKeyConstraint("step_id", "member_id", name=op.f("pk_told")),
    )
    op.create_index(op.f("ix_told_mail_id"), "told", ["mail_id"])
    is_pending = sa.text("settled_at IS NULL")
    op.create_index("ix_told_pending", "told", ["member_id"], sqlite_where=is_pending, postgresql_where=is_pending)
    op.create_table(
        "escalation_switch",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("proved_at", UTCDateTime(), nullable=True),
        sa.Column("code", sa.String(8), nullable=True),
        sa.Column("code_for_id", BigId, nullable=True),
        sa.Column("code_made_at", UTCDateTime(), nullable=True),
        sa.Column("code_state", sa.String(10), nullable=True),
        sa.Column("wrong_codes", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_escalation_switch_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["code_for_id"], ["member.id"], name=op.f("fk_escalation_switch_code_for_id_member")
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_escalation_switch")),
    )


def downgrade() -> None:
    op.drop_table("escalation_switch")
    op.drop_table("told")
    op.drop_table("step_mail")
