"""Let others than the team read what people complain about in it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime, rows_with

revision: str = "0085"
down_revision: str | None = "0089"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column(
        "conversation", sa.Column("is_complaint", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    only_these = rows_with("is_complaint")
    op.create_index("ix_conversation_complaint", "conversation", ["organisation_id", "contact_id"], **only_these)
    op.create_table(
        "complaint",
        sa.Column("id", BigId, nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("receiver_id", BigId, nullable=True),
        sa.Column("reader_id", BigId, nullable=True),
        sa.Column("about_id", BigId, nullable=True),
        sa.Column("marked_by_id", BigId, nullable=True),
        sa.Column("marked_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_complaint_conversation_id_conversation"),
            ondelete="CASCADE",
        ),
        *(_to("complaint", f"{name}_id", "organisation") for name in ("organisation", "receiver")),
        *(_to("complaint", f"{name}_id", "member") for name in ("reader", "about", "marked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint")),
        sa.UniqueConstraint("conversation_id", name=op.f("uq_complaint_conversation_id")),
    )
    op.create_index(op.f("ix_complaint_organisation_id"), "complaint", ["organisation_id"])
    op.create_index(op.f("ix_complaint_receiver_id"), "complaint", ["receiver_id"])
    op.create_table(
        "complaint_reader",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        _to("complaint_reader", "organisation_id", "organisation"),
        _to("complaint_reader", "member_id", "member"),
        sa.PrimaryKeyConstraint("organisation_id", "member_id", name=op.f("pk_complaint_reader")),
    )
    op.create_table(
        "complaint_receiver",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("receiver_id", BigId, nullable=False),
        _to("complaint_receiver", "organisation_id", "organisation"),
        _to("complaint_receiver", "receiver_id", "organisation"),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_complaint_receiver")),
    )


def downgrade() -> None:
    for name in ("complaint_receiver", "complaint_reader", "complaint"):
        op.drop_table(name)
    op.drop_index("ix_conversation_complaint", table_name="conversation")
    op.drop_column("conversation", "is_complaint")


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"))
