"""What texts of runs said before they were rendered anew."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0024"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = campaigns.core.database.UTCDateTime()


def upgrade() -> None:
    op.create_table(
        "former_text",
        sa.Column("text_id", _BIG, nullable=False),
        sa.Column("until", _AT, nullable=False),
        sa.Column("service_id", _BIG, nullable=True),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("parts", sa.SmallInteger(), nullable=False),
        sa.Column("content_sid", sa.String(length=40), nullable=True),
        sa.Column("content_variables", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("fk_former_text_service_id_service")),
        sa.ForeignKeyConstraint(["text_id"], ["run_text.id"], name=op.f("fk_former_text_text_id_run_text")),
        sa.PrimaryKeyConstraint("text_id", "until", name=op.f("pk_former_text")),
    )


def downgrade() -> None:
    op.drop_table("former_text")
