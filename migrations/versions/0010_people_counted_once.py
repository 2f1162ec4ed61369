"""People counted once, counted links, what partners tell, imported reach; and a campaign's code is its alone."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0010"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    _part_codes()
    op.create_index("ix_campaign_code", "campaign", ["code"], unique=True)
    op.create_table(
        "people_count",
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("scope_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("counted_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "scope_id", "period", name=op.f("pk_people_count")),
    )
    op.create_table(
        "people_reach",
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("scope_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("measure", sa.String(length=10), nullable=False),
        sa.Column("part", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "scope", "scope_id", "period", "measure", "part", "key", name=op.f("pk_people_reach")
        ),
    )
    op.create_table(
        "reach_check",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("checked_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("drift", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reach_check")),
    )
    op.create_table(
        "column_names",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_column_names_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_column_names")),
        sa.UniqueConstraint("organisation_id", "source", name=op.f("uq_column_names_organisation_id_source")),
    )
    op.create_table(
        "counted_link",
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("changed_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_counted_link_campaign_id_campaign")
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_counted_link")),
    )
    op.create_table(
        "link_day",
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_link_day_campaign_id_campaign")),
        sa.PrimaryKeyConstraint("campaign_id", "region_id", "day", name=op.f("pk_link_day")),
    )
    op.create_table(
        "outcome",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("partner", sa.String(length=200), nullable=False),
        sa.Column("way", sa.String(length=4), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("recurrent", sa.Boolean(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("recorded_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.Column("withdrawn_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.CheckConstraint("people > 0", name=op.f("ck_outcome_people")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_outcome_campaign_id_campaign")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_outcome_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["member.id"], name=op.f("fk_outcome_recorded_by_id_member")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_outcome_region_id_region")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcome")),
    )
    op.create_index("ix_outcome_campaign", "outcome", ["campaign_id", "day"], unique=False)
    op.create_index(op.f("ix_outcome_organisation_id"), "outcome", ["organisation_id"], unique=False)
    op.create_table(
        "reach_file",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("member_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("exported_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.Column("decided_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name=op.f("fk_reach_file_campaign_id_campaign")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_reach_file_member_id_member")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reach_file_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reach_file")),
    )
    op.create_index(op.f("ix_reach_file_campaign_id"), "reach_file", ["campaign_id"], unique=False)
    op.create_index("ix_reach_file_digest", "reach_file", ["organisation_id", "digest"], unique=False)
    op.create_table(
        "imported_reach",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=300), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("people", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("targeted", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("impressions", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("link_clicks", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("spend", sa.Numeric(precision=14, scale=2), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("recurrent", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_imported_reach_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["reach_file.id"], name=op.f("fk_imported_reach_file_id_reach_file"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_imported_reach_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_imported_reach_region_id_region")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imported_reach")),
    )
    op.create_index(
        "ix_imported_reach_campaign", "imported_reach", ["organisation_id", "campaign_id"], unique=False
    )
    op.create_index(op.f("ix_imported_reach_file_id"), "imported_reach", ["file_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_imported_reach_file_id"), table_name="imported_reach")
    op.drop_index("ix_imported_reach_campaign", table_name="imported_reach")
    op.drop_table("imported_reach")
    op.drop_index("ix_reach_file_digest", table_name="reach_file")
    op.drop_index(op.f("ix_reach_file_campaign_id"), table_name="reach_file")
    op.drop_table("reach_file")
    op.drop_index(op.f("ix_outcome_organisation_id"), table_name="outcome")
    op.drop_index("ix_outcome_campaign", table_name="outcome")
    op.drop_table("outcome")
    op.drop_table("link_day")
    op.drop_table("counted_link")
    op.drop_table("column_names")
    op.drop_table("reach_check")
    op.drop_table("people_reach")
    op.drop_table("people_count")
    op.drop_index("ix_campaign_code", table_name="campaign")


def _part_codes() -> None:
    """Give a code of its own to each campaign but the first of those with the same; Z is in no code we make."""
    op.execute(
        "UPDATE campaign SET code = substr(code, 1, 3) || 'Z' || id WHERE EXISTS "
        "(SELECT 1 FROM campaign AS other WHERE other.code = campaign.code AND other.id < campaign.id)"
    )
