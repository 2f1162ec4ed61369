"""Find the acts of one kind in an organisation's trail without reading all of it."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0060"
down_revision: str | None = "0059"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("ix_audit_entry_act", "audit_entry", ["organisation_id", "action", "at"])


def downgrade() -> None:
    op.drop_index("ix_audit_entry_act", table_name="audit_entry")
