"""Addresses know whose phone they are on, and a stop is remembered for each channel of a number."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0018"
down_revision: str | None = "0024"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Add what `fingerpost setup` fills afterwards: the hashes need the keys of the instance."""
    op.add_column("address", sa.Column("number", sa.LargeBinary(length=32), nullable=True))
    op.add_column("address", sa.Column("is_shared", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_address_number", "address", ["number"])
    shared = sa.text("is_shared")
    op.create_index(
        "ix_address_is_shared", "address", ["contact_id"], sqlite_where=shared, postgresql_where=shared
    )
    _key_by(["lookup", "channel"])


def downgrade() -> None:
    # What was remembered for the number cannot be found by a handle any more, and would be there twice.
    op.execute(
        "DELETE FROM suppressed_address WHERE EXISTS (SELECT 1 FROM suppressed_address AS other"
        " WHERE other.lookup = suppressed_address.lookup AND other.channel < suppressed_address.channel)"
    )
    _key_by(["lookup"])
    op.drop_index("ix_address_is_shared", table_name="address")
    op.drop_index("ix_address_number", table_name="address")
    op.drop_column("address", "is_shared")
    op.drop_column("address", "number")


def _key_by(columns: list[str]) -> None:
    """Make these columns the primary key of the remembered stops."""
    table = sa.table("suppressed_address", sa.column("lookup"), sa.column("channel"), sa.column("since"))
    op.rename_table("suppressed_address", "suppressed_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_suppressed_address RENAME TO pk_suppressed_before")
    before = sa.table("suppressed_before", *(sa.column(column.name) for column in table.columns))
    op.create_table(
        "suppressed_address",
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("since", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(*columns, name=op.f("pk_suppressed_address")),
    )
    op.execute(sa.insert(table).from_select(["lookup", "channel", "since"], sa.select(*before.columns)))
    op.drop_table("suppressed_before")
