"""Room in the indexes of deliveries, which get an entry for each change of state on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_INDEXES = ("pk_delivery", "uq_delivery_run_id_contact_id", "ix_delivery_reference")


def upgrade() -> None:
    """Leave half of each new page free; pages that are full already are not rewritten."""
    _alter("SET (fillfactor = 50)")


def downgrade() -> None:
    _alter("RESET (fillfactor)")


def _alter(change: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in _INDEXES:
            op.execute(f"ALTER INDEX {name} {change}")
