"""When deliveries are due depends on the country of the number too, because quiet hours do."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("run_zone", schema=None) as batch_op:
        batch_op.add_column(sa.Column("country", sa.String(length=2), server_default="", nullable=False))
        batch_op.drop_constraint("pk_run_zone", type_="primary")
        batch_op.create_primary_key("pk_run_zone", ["run_id", "time_zone", "country"])


def downgrade() -> None:
    # A zone keeps the earliest of its times.
    op.execute(
        "DELETE FROM run_zone WHERE EXISTS (SELECT 1 FROM run_zone AS other WHERE other.run_id = run_zone.run_id"
        " AND other.time_zone = run_zone.time_zone AND (other.due_at < run_zone.due_at"
        " OR (other.due_at = run_zone.due_at AND other.country < run_zone.country)))"
    )
    with op.batch_alter_table("run_zone", schema=None) as batch_op:
        batch_op.drop_constraint("pk_run_zone", type_="primary")
        batch_op.create_primary_key("pk_run_zone", ["run_id", "time_zone"])
        batch_op.drop_column("country")
