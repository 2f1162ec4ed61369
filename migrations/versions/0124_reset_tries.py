"""Keep before when no worker tries a mail about a password again."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import UTCDateTime

revision: str = "0124"
down_revision: str | None = "0116"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("reset_link", sa.Column("try_after", UTCDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("reset_link", "try_after")
