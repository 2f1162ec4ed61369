"""Keep what came with the example apart, and who put the first steps away."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0097"
down_revision: str | None = "0096"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "example_part",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("row_id", BigId, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_example_part_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("organisation_id", "kind", "row_id", name=op.f("pk_example_part")),
    )
    op.add_column(
        "membership", sa.Column("hides_first_steps", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    with op.batch_alter_table("campaign") as table:
        table.add_column(sa.Column("is_example", sa.Boolean(), server_default=sa.false(), nullable=False))
        table.create_check_constraint(
            op.f("ck_campaign_example_never_leaves"), "NOT is_example OR state IN ('draft', 'archived')"
        )


def downgrade() -> None:
    with op.batch_alter_table("campaign") as table:
        table.drop_constraint(op.f("ck_campaign_example_never_leaves"), type_="check")
        table.drop_column("is_example")
    op.drop_column("membership", "hides_first_steps")
    op.drop_table("example_part")
