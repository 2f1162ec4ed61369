"""Keep what a worker counts of large runs, and find these by an index."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0153"
down_revision: str | None = "0152"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    moments = ("counted_at", "states_at", "compared_at", "asked_at", "compare_asked_at", "claimed_until")
    durations = ("took_ms", "states_took_ms", "compared_took_ms")
    op.create_table(
        "run_tally",
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("figures", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("states", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("is_settled", sa.Boolean(), nullable=False),
        sa.Column("doubled", sa.Integer(), nullable=True),
        *(sa.Column(name, UTCDateTime(), nullable=True) for name in moments),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in durations),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_tally_run_id_run")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_tally")),
    )
    is_large = sa.text("planned > 5000")
    op.create_index("ix_run_large", "run", ["state"], sqlite_where=is_large, postgresql_where=is_large)


def downgrade() -> None:
    op.drop_index("ix_run_large", "run")
    op.drop_table("run_tally")
