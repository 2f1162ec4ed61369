"""Find what a contact wrote to an organisation without going through all that was written to it."""

from __future__ import annotations

from collections.abc import Sequence

from alembic import op

revision: str = "0081"
down_revision: str | None = "0080"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("ix_reply_contact", "reply", ["contact_id", "organisation_id"])
    op.drop_index(op.f("ix_reply_contact_id"), table_name="reply")


def downgrade() -> None:
    op.create_index(op.f("ix_reply_contact_id"), "reply", ["contact_id"])
    op.drop_index("ix_reply_contact", table_name="reply")
