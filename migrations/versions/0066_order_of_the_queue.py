"""Find conversations in the order in which pages show them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import rows_with

revision: str = "0066"
down_revision: str | None = "0065"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WAITS = rows_with("waiting_since IS NOT NULL")


def upgrade() -> None:
    _drop("ix_conversation_waiting", "ix_conversation_last")
    waiting = ["organisation_id", sa.text("urgency DESC"), "waiting_since", "id"]
    op.create_index("ix_conversation_waiting", "conversation", waiting, **_WAITS)
    op.create_index("ix_conversation_last", "conversation", ["organisation_id", "state", "last_at", "id"])
    op.create_index("ix_conversation_latest", "conversation", ["organisation_id", "last_at", "id"])


def downgrade() -> None:
    _drop("ix_conversation_waiting", "ix_conversation_last", "ix_conversation_latest")
    waiting = ["organisation_id", "urgency", "waiting_since"]
    op.create_index("ix_conversation_waiting", "conversation", waiting, **_WAITS)
    op.create_index("ix_conversation_last", "conversation", ["organisation_id", "state", "last_at"])


def _drop(*names: str) -> None:
    for name in names:
        op.drop_index(name, table_name="conversation")
