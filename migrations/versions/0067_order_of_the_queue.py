"""Find conversations in the order in which pages show them."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

from campaigns.core.database import rows_with

revision: str = "0067"
down_revision: str | None = "0066"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WAITS, _SNOOZED = rows_with("waiting_since IS NOT NULL"), rows_with("snoozed_until IS NOT NULL")


#: One index has them in their order when the most urgent is the least.
_TURN = "UPDATE conversation SET urgency = -urgency"


def upgrade() -> None:
    op.execute(_TURN)
    _drop("ix_conversation_waiting", "ix_conversation_last", "ix_conversation_snoozed")
    waiting = ["organisation_id", "urgency", "waiting_since", "id"]
    op.create_index("ix_conversation_waiting", "conversation", waiting, **_WAITS)
    mine = ["owner_id", "urgency", "waiting_since", "id"]
    op.create_index("ix_conversation_mine", "conversation", mine, **_WAITS)
    snoozed = ["organisation_id", "snoozed_until", "id"]
    op.create_index("ix_conversation_snoozed", "conversation", snoozed, **_SNOOZED)
    op.create_index("ix_conversation_last", "conversation", ["organisation_id", "state", "last_at", "id"])
    op.create_index("ix_conversation_latest", "conversation", ["organisation_id", "last_at", "id"])


def downgrade() -> None:
    op.execute(_TURN)
    _drop("ix_conversation_waiting", "ix_conversation_last", "ix_conversation_latest")
    _drop("ix_conversation_mine", "ix_conversation_snoozed")
    op.create_index("ix_conversation_snoozed", "conversation", ["snoozed_until"], **_SNOOZED)
    waiting = ["organisation_id", "urgency", "waiting_since"]
    op.create_index("ix_conversation_waiting", "conversation", waiting, **_WAITS)
    op.create_index("ix_conversation_last", "conversation", ["organisation_id", "state", "last_at"])


def _drop(*names: str) -> None:
    for name in names:
        op.drop_index(name, table_name="conversation")
