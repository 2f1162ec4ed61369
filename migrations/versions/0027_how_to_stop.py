"""Texts of a run that say how to stop, or do not, as their readers can answer or not."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OLD_KEY = "uq_run_text_run_id_language_channel_region_id_time_zone_place_id_roaming"
_NEW_KEY = "uq_run_text_combination"
_COLUMNS = ["run_id", "language", "channel", "region_id", "time_zone", "place_id", "roaming"]


def upgrade() -> None:
    with op.batch_alter_table("run_text") as batch:
        batch.add_column(sa.Column("stop", sa.String(length=5), server_default="", nullable=False))
        batch.drop_constraint(batch.f(_OLD_KEY), type_="unique")
        batch.create_unique_constraint(batch.f(_NEW_KEY), [*_COLUMNS, "stop"])


def downgrade() -> None:
    with op.batch_alter_table("run_text") as batch:
        batch.drop_constraint(batch.f(_NEW_KEY), type_="unique")
        batch.drop_column("stop")
        batch.create_unique_constraint(batch.f(_OLD_KEY), _COLUMNS)
