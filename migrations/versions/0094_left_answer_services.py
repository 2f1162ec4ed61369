"""Know which services an answer to a report names, and that pages which held a report are to be cleaned."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0094"
down_revision: str | None = "0095"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "left_answer_service",
        sa.Column("answer_id", BigId, nullable=False),
        sa.Column("service_id", BigId, nullable=False),
        sa.Column("named_at", UTCDateTime(), nullable=False),
        sa.Column("died_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["answer.id"], name=op.f("fk_left_answer_service_answer_id_answer"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_left_answer_service_service_id_service")
        ),
        sa.PrimaryKeyConstraint("answer_id", "service_id", name=op.f("pk_left_answer_service")),
    )
    op.create_index(
        "ix_left_answer_service_alive",
        "left_answer_service",
        ["service_id", "named_at"],
        sqlite_where=sa.text("died_at IS NULL"),
        postgresql_where=sa.text("died_at IS NULL"),
    )
    op.create_table(
        "unclean_pages",
        sa.Column("id", BigId, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unclean_pages")),
    )


def downgrade() -> None:
    op.drop_table("unclean_pages")
    op.drop_table("left_answer_service")
