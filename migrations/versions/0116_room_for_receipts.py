"""Leave room in the pages of deliveries for receipts, and vacuum what lives by update in time."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0116"
down_revision: str | None = "0108"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CLEAN = ("autovacuum_vacuum_scale_factor", "autovacuum_analyze_scale_factor")


def upgrade() -> None:
    """Write it down for pages to come; those that are full stay so until they are emptied."""
    if op.get_bind().dialect.name != "postgresql":
        return
    clean = ", ".join(f"{name} = 0.05" for name in _CLEAN)
    op.execute(f"ALTER TABLE delivery SET (fillfactor = 50, {clean})")
    op.execute(f"ALTER TABLE receipt SET ({clean})")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(f"ALTER TABLE delivery RESET (fillfactor, {', '.join(_CLEAN)})")
    op.execute(f"ALTER TABLE receipt RESET ({', '.join(_CLEAN)})")
