"""Emergency numbers that members confirmed, and texts that name several services."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0026"
down_revision: str | None = "0018"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "emergency_number",
        sa.Column("id", big, nullable=False),
        sa.Column("organisation_id", big, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("number", sa.String(length=10), nullable=False),
        sa.Column("document", sa.String(length=300), nullable=False),
        sa.Column("document_date", sa.Date(), nullable=False),
        sa.Column("member_id", big, nullable=False),
        sa.Column("created_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_emergency_number_member_id_member")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_emergency_number_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency_number")),
    )
    op.create_index(op.f("ix_emergency_number_organisation_id"), "emergency_number", ["organisation_id"])
    for table in ("run_text", "former_text"):
        op.add_column(table, sa.Column("service_ids", sa.JSON(), server_default="[]", nullable=False))
    filling = (
        "UPDATE run_text SET service_ids = json_array(service_id) WHERE service_id IS NOT NULL",
        "UPDATE former_text SET service_ids = json_array(service_id) WHERE service_id IS NOT NULL",
    )
    for statement in filling:
        is_postgres = op.get_bind().dialect.name == "postgresql"
        op.execute(statement.replace("json_array", "json_build_array") if is_postgres else statement)
    for table in ("run_text", "former_text"):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_service_id_service", type_="foreignkey")
            batch.drop_column("service_id")


def downgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    for table in ("run_text", "former_text"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("service_id", big, nullable=True))
            batch.create_foreign_key(f"fk_{table}_service_id_service", "service", ["service_id"], ["id"])
            batch.drop_column("service_ids")
    op.drop_table("emergency_number")
