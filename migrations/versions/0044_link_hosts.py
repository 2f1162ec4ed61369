"""Hosts that the links of an organisation may lead to; at first those that they lead to now."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import sqlalchemy as sa
from alembic import op

revision: str = "0044"
down_revision: str | None = "0054"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("organisation", sa.Column("link_hosts", sa.JSON(), nullable=False, server_default="[]"))
    connection = op.get_bind()
    links = connection.execute(
        sa.text(
            "SELECT campaign.organisation_id, counted_link.target FROM counted_link"
            " JOIN campaign ON campaign.id = counted_link.campaign_id"
        )
    )
    hosts: dict[int, set[str]] = {}
    for organisation_id, target in links:
        if host := _host_of(target):
            hosts.setdefault(organisation_id, set()).add(host)
    organisation = sa.table("organisation", sa.column("id"), sa.column("link_hosts", sa.JSON))
    for organisation_id, named in hosts.items():
        of_this = organisation.update().where(organisation.c.id == organisation_id)
        connection.execute(of_this.values(link_hosts=sorted(named)))


def downgrade() -> None:
    with op.batch_alter_table("organisation") as batch:
        batch.drop_column("link_hosts")


def _host_of(target: str) -> str:
    """Return the host of a stored address as it stood there; '' for one that nobody should be led to."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    host = parts.netloc
    is_named = host == parts.hostname and "." in host and host.rpartition(".")[2].isalpha()
    return host if parts.scheme == "https" and is_named and target.isprintable() else ""
