"""Room for words about people that are sealed; `fingerpost setup` seals those of before, as it has the keys."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0058"
down_revision: str | None = "0057"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("consent", sa.Column("sealed_evidence", sa.LargeBinary(), nullable=True))
    op.add_column("contact_import", sa.Column("sealed_about", sa.LargeBinary(), nullable=True))
    op.create_table(
        "audit_note",
        sa.Column("entry_id", BigId, nullable=False),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name=op.f("fk_audit_note_entry_id_audit_entry")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_note")),
    )


def downgrade() -> None:
    op.drop_table("audit_note")
    with op.batch_alter_table("contact_import") as batch:
        batch.drop_column("sealed_about")
    with op.batch_alter_table("consent") as batch:
        batch.drop_column("sealed_evidence")
