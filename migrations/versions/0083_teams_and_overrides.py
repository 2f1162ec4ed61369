"""Offer conversations to teams and members, and unasked once two members agree."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime, rows_with

revision: str = "0083"
down_revision: str | None = "0087"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_MEMBERS = ("to_member_id", "agreed_by_id", "reviewed_by_id")


def upgrade() -> None:
    op.create_table(
        "team",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_team_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("organisation_id", "name", name=op.f("uq_team_organisation_id_name")),
    )
    op.create_table(
        "team_member",
        sa.Column("team_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_team_member_team_id_team"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_team_member_member_id_member")),
        sa.PrimaryKeyConstraint("team_id", "member_id", name=op.f("pk_team_member")),
    )
    op.create_index(op.f("ix_team_member_member_id"), "team_member", ["member_id"])
    op.drop_index("uq_hand_over_open", "hand_over")
    op.drop_index("ix_hand_over_due", "hand_over")
    with op.batch_alter_table("hand_over") as table:
        table.alter_column("sealed_summary", existing_type=sa.LargeBinary(), nullable=True)
        table.alter_column("sealed_consent", existing_type=sa.LargeBinary(), nullable=True)
        table.add_column(sa.Column("team_id", BigId, nullable=True))
        table.add_column(sa.Column("override", sa.String(10), nullable=True))
        table.add_column(sa.Column("agreed_at", UTCDateTime(), nullable=True))
        table.add_column(sa.Column("reviewed_at", UTCDateTime(), nullable=True))
        table.create_foreign_key(
            op.f("fk_hand_over_team_id_team"), "team", ["team_id"], ["id"], ondelete="SET NULL"
        )
        for column in _MEMBERS:
            table.add_column(sa.Column(column, BigId, nullable=True))
            table.create_foreign_key(op.f(f"fk_hand_over_{column}_member"), "member", [column], ["id"])
    _index("state IN ('proposed', 'offered', 'accepted')", "state IN ('proposed', 'offered')")
    unreviewed = rows_with("agreed_at IS NOT NULL AND reviewed_at IS NULL")
    op.create_index("ix_hand_over_unreviewed", "hand_over", ["organisation_id", "id"], **unreviewed)


def downgrade() -> None:
    for name in ("uq_hand_over_open", "ix_hand_over_due", "ix_hand_over_unreviewed"):
        op.drop_index(name, "hand_over")
    # What the older program has no word for: an offer within one's own organisation, or without consent.
    op.execute("DELETE FROM hand_over WHERE sealed_consent IS NULL OR sealed_summary IS NULL")
    op.execute("UPDATE hand_over SET state = 'lapsed' WHERE state = 'gone'")
    with op.batch_alter_table("hand_over") as table:
        for column in ("team_id", *_MEMBERS):
            other = "team" if column == "team_id" else "member"
            table.drop_constraint(op.f(f"fk_hand_over_{column}_{other}"), type_="foreignkey")
            table.drop_column(column)
        for column in ("override", "agreed_at", "reviewed_at"):
            table.drop_column(column)
        table.alter_column("sealed_summary", existing_type=sa.LargeBinary(), nullable=False)
        table.alter_column("sealed_consent", existing_type=sa.LargeBinary(), nullable=False)
    _index("state IN ('offered', 'accepted')", "state = 'offered'")
    op.drop_table("team_member")
    op.drop_table("team")


def _index(is_open: str, is_due: str) -> None:
    op.create_index("uq_hand_over_open", "hand_over", ["conversation_id"], unique=True, **rows_with(is_open))
    op.create_index("ix_hand_over_due", "hand_over", ["due_at"], **rows_with(is_due))
