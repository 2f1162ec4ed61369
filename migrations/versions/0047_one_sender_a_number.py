"""A number or name is in use as one sender at a time."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.errors import SettingsError

revision: str = "0047"
down_revision: str | None = "0046"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CONFLICTS = sa.text(
    """
    SELECT one.id AS one_id, one.name AS one_name, one_owner.slug AS one_slug,
           other.id AS other_id, other.name AS other_name, other_owner.slug AS other_slug, one.identity
    FROM sender one
    JOIN sender other ON other.gateway = one.gateway AND other.channel = one.channel
        AND other.identity = one.identity AND other.id > one.id
    LEFT JOIN organisation one_owner ON one_owner.id = one.organisation_id
    LEFT JOIN organisation other_owner ON other_owner.id = other.organisation_id
    WHERE one.active AND other.active
    ORDER BY one.id, other.id LIMIT 1
    """
)


def upgrade() -> None:
    """Add the constraint. Raises SettingsError when two senders in use have the same number or name."""
    found = op.get_bind().execute(_CONFLICTS).first()
    if found is not None:
        one = _named(found.one_id, found.one_name, found.one_slug)
        other = _named(found.other_id, found.other_name, found.other_slug)
        raise SettingsError(
            f"{one} and {other} both send from {found.identity}, which only one may: nothing was changed; switch "
            "one of them off with the version before this one (Campaigns, Senders), then run `fingerpost setup` "
            "again."
        )
    active = sa.text("active")
    op.create_index(
        "ix_sender_identity",
        "sender",
        ["gateway", "channel", "identity"],
        unique=True,
        sqlite_where=active,
        postgresql_where=active,
    )


def downgrade() -> None:
    op.drop_index("ix_sender_identity", table_name="sender")


def _named(sender_id: int, name: str, slug: str | None) -> str:
    return f"Sender {sender_id}, “{name}” of {slug or 'all organisations'},"
