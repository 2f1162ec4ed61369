"""Let an organisation have a partner on call."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0086"
down_revision: str | None = "0088"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KEYS = {
    "organisation_id": "organisation",
    "partner_id": "organisation",
    "asked_by_id": "member",
    "agreed_by_id": "member",
}


def upgrade() -> None:
    op.create_table(
        "on_call",
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("partner_id", BigId, nullable=False),
        sa.Column("asked_by_id", BigId, nullable=False),
        sa.Column("asked_at", UTCDateTime(), nullable=False),
        sa.Column("agreed_by_id", BigId, nullable=True),
        sa.Column("agreed_at", UTCDateTime(), nullable=True),
        *(
            sa.ForeignKeyConstraint([name], [f"{table}.id"], name=op.f(f"fk_on_call_{name}_{table}"))
            for name, table in _KEYS.items()
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_on_call")),
    )
    op.create_index(op.f("ix_on_call_partner_id"), "on_call", ["partner_id"])


def downgrade() -> None:
    op.drop_table("on_call")
