"""Keep the reason of a run as a template and values, so that members read it in their language."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0061"
down_revision: str | None = "0060"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

#: A sentence of before is shown as it was written: a template without values.
_TELL = {
    "sqlite": "UPDATE run SET told = json_object('template', reason) WHERE reason <> ''",
    "postgresql": "UPDATE run SET told = json_build_object('template', reason) WHERE reason <> ''",
}


def upgrade() -> None:
    op.add_column("run", sa.Column("told", sa.JSON(), nullable=True))
    op.execute(_TELL[op.get_bind().dialect.name])
    op.drop_column("run", "reason")
    op.execute("ALTER TABLE run RENAME COLUMN told TO reason")


def downgrade() -> None:
    op.add_column("run", sa.Column("words", sa.String(300), nullable=False, server_default=""))
    op.execute("UPDATE run SET words = substr(reason ->> 'template', 1, 300) WHERE reason IS NOT NULL")
    op.drop_column("run", "reason")
    op.execute("ALTER TABLE run RENAME COLUMN words TO reason")
