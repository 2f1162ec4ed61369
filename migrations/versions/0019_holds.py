"""People may be on hold, and a reply knows whose phone it came from."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0019"
down_revision: str | None = "0027"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_HELD = sa.text("state = 'held'")
_STRANGER = sa.text("kind = 'hold' AND contact_id IS NULL")


def upgrade() -> None:
    op.add_column(
        "suppressed_address", sa.Column("is_hold", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("reply", sa.Column("number", sa.LargeBinary(length=32), nullable=True))
    op.create_index("ix_address_held", "address", ["organisation_id"], sqlite_where=_HELD, postgresql_where=_HELD)
    op.create_index(
        "ix_reply_hold_of_stranger",
        "reply",
        ["organisation_id"],
        sqlite_where=_STRANGER,
        postgresql_where=_STRANGER,
    )


def downgrade() -> None:
    op.drop_index("ix_reply_hold_of_stranger", table_name="reply")
    op.drop_index("ix_address_held", table_name="address")
    # The version before knows no holds: who may have said stop is not written to there either.
    op.execute("UPDATE address SET state = 'opted_out' WHERE state = 'held'")
    op.execute("UPDATE reply SET kind = 'text' WHERE kind IN ('hold', 'help', 'info', 'moved', 'yes')")
    op.drop_column("reply", "number")
    op.drop_column("suppressed_address", "is_hold")
