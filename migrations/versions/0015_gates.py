"""What gates ask for: rules of countries that a member confirmed, and where an organisation may write to."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "country_confirmation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("confirmed_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_country_confirmation_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["member.id"], name=op.f("fk_country_confirmation_member_id_member")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_country_confirmation")),
    )
    op.create_index(op.f("ix_country_confirmation_campaign_id"), "country_confirmation", ["campaign_id"])
    op.add_column("organisation", sa.Column("mandate", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_column("mandate")
    op.drop_table("country_confirmation")
