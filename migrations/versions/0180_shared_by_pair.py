"""Note which addresses share a phone with another contact by what WhatsApp calls it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0180"
down_revision: str | None = "0170"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ADDRESS = sa.table(
    "address",
    *(sa.column(name, sa.BigInteger()) for name in ("id", "organisation_id", "contact_id")),
    sa.column("number", sa.LargeBinary()),
    sa.column("is_shared", sa.Boolean()),
)
_PAIR = sa.table("paired_handle", sa.column("lookup", sa.LargeBinary()), sa.column("number", sa.LargeBinary()))


def upgrade() -> None:
    one, other = _ADDRESS.alias(), _ADDRESS.alias()
    # + 0, so that SQLite, which keeps no statistics, looks for the handle and not among all of the organisation.
    are_ours = one.c.organisation_id + 0 == other.c.organisation_id + 0
    are_two = sa.and_(are_ours, one.c.contact_id != other.c.contact_id)
    pairs = _PAIR.join(one, one.c.number == _PAIR.c.lookup).join(
        other, sa.and_(other.c.number == _PAIR.c.number, are_two)
    )
    shared = sa.union(*(sa.select(each.c.id).select_from(pairs) for each in (one, other)))
    op.execute(sa.update(_ADDRESS).where(_ADDRESS.c.id.in_(shared)).values(is_shared=sa.true()))


def downgrade() -> None:
    """Leave it: who shares a number by nothing else is compared once more than needed."""
