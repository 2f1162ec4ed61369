"""Keep of a draft no more than its words: every one waits for its member."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0068"
down_revision: str | None = "0067"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.drop_column("draft", "is_pending")


def downgrade() -> None:
    op.add_column("draft", sa.Column("is_pending", sa.Boolean(), nullable=False, server_default=sa.true()))
