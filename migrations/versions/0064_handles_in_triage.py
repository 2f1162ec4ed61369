"""Keep, sealed, who wrote what is in triage: without it nobody it is assigned to could answer them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0064"
down_revision: str | None = "0063"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("triage", sa.Column("sealed_handle", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("triage", "sealed_handle")
