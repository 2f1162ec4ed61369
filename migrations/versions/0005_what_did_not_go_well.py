"""Indexes by which members find what did not go well, one that SQLite could not use, and one for daily limits."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_IN_DOUBT = "send_state = 'sending' OR send_state = 'unknown'"
_CLOSED = (
    "send_state = 'failed' OR send_state = 'suppressed' OR send_state = 'expired' OR send_state = 'unconfirmed'"
)
_UNDELIVERED = "receipt_error IS NOT NULL"


def upgrade() -> None:
    # With IN in its predicate, SQLite used it for no query, and the reaper read the whole table.
    op.drop_index("ix_delivery_open", table_name="delivery")
    _create("ix_delivery_open", ["send_state", "intent_at"], _IN_DOUBT)
    _create("ix_delivery_closed", ["run_id", "send_state", "id"], _CLOSED)
    _create("ix_delivery_undelivered", ["run_id", "receipt_error", "id"], _UNDELIVERED)
    _create("ix_attempt_sent", ["sender_id", "at"], "provider_id IS NOT NULL", table="attempt")


def downgrade() -> None:
    op.drop_index("ix_attempt_sent", table_name="attempt")
    op.drop_index("ix_delivery_undelivered", table_name="delivery")
    op.drop_index("ix_delivery_closed", table_name="delivery")
    op.drop_index("ix_delivery_open", table_name="delivery")
    _create("ix_delivery_open", ["send_state", "intent_at"], "send_state IN ('sending', 'unknown')")


def _create(name: str, columns: list[str], where: str, *, table: str = "delivery") -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
