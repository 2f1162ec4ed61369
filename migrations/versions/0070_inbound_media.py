"""Keep what people send beside words: voice notes, pictures and other files."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime

revision: str = "0070"
down_revision: str | None = "0071"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "media",
        sa.Column("id", BigId, nullable=False),
        sa.Column("reply_id", BigId, nullable=True),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("gateway", sa.String(length=30), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("sealed_source", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", UTCDateTime(), nullable=True),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("pixels", sa.BigInteger(), nullable=True),
        sa.Column("locked_at", UTCDateTime(), nullable=True),
        sa.Column("locked_by", BigId, nullable=True),
        sa.Column("sealed_transcript", sa.LargeBinary(), nullable=True),
        sa.Column("transcribed_by", BigId, nullable=True),
        sa.Column("sealed_content", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["reply_id"], ["reply.id"], name=op.f("fk_media_reply_id_reply")),
        sa.ForeignKeyConstraint(["locked_by"], ["member.id"], name=op.f("fk_media_locked_by_member")),
        sa.ForeignKeyConstraint(["transcribed_by"], ["member.id"], name=op.f("fk_media_transcribed_by_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
        sa.UniqueConstraint("reply_id", "number", name=op.f("uq_media_reply_id_number")),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_media_due", "media", ["due_at"], sqlite_where=due, postgresql_where=due)
    locked = sa.text("locked_at IS NOT NULL")
    op.create_index("ix_media_locked", "media", ["reply_id"], sqlite_where=locked, postgresql_where=locked)


def downgrade() -> None:
    op.drop_table("media")
