"""Keep with a run's tally in which state the run was, and count those anew that were settled."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import UTCDateTime

revision: str = "0158"
down_revision: str | None = "0153"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("run_tally", sa.Column("state", sa.String(10), nullable=True))
    op.add_column("run_tally", sa.Column("still_since", UTCDateTime(), nullable=True))
    op.execute(
        sa.update(sa.table("run_tally", sa.column("is_settled", sa.Boolean()))).values(is_settled=sa.false())
    )


def downgrade() -> None:
    op.drop_column("run_tally", "still_since")
    op.drop_column("run_tally", "state")
