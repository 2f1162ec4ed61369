"""Find the lists of opt-outs that a worker is to read by an index of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0141"
down_revision: str | None = "0129"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    is_unread = sa.text("state = 'reading'")
    op.create_index(
        "ix_contact_import_reading", "contact_import", ["id"], sqlite_where=is_unread, postgresql_where=is_unread
    )


def downgrade() -> None:
    # An earlier version knows neither state, and of a list that was not taken nothing is kept.
    op.execute("UPDATE contact_import SET state = 'cancelled', sealed_file = NULL WHERE state = 'reading'")
    op.execute("UPDATE contact_import SET state = 'cancelled' WHERE state = 'refused'")
    op.drop_index("ix_contact_import_reading", "contact_import")
