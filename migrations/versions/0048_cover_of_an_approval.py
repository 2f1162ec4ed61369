"""What the cells of a place amount to and who gave it its shape, for approvals to depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0048"
down_revision: str | None = "0043"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PLACE = sa.table("place", *map(sa.column, ("id", "cover_digest")))
CELL = sa.table("place_cell", *map(sa.column, ("place_id", "leg", "cell")))
ROUTE = sa.table("route", *map(sa.column, ("id", "corridor_id")))
AUTHOR = sa.table("place_author", *map(sa.column, ("place_id", "member_id")))
ENTRY = sa.table("audit_entry", *map(sa.column, ("subject_type", "subject_id", "action", "member_id")))
#: Acts of members that gave a place its shape, as far as the audit names single ones.
OF_PLACES = ("place.create", "place.update")
OF_ROUTES = ("route.create", "route.update")


def upgrade() -> None:
    op.add_column("place", sa.Column("cover_digest", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "place_author",
        sa.Column("place_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_place_author_member_id_member")),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name=op.f("fk_place_author_place_id_place"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("place_id", "member_id", name=op.f("pk_place_author")),
    )
    _write_digests(op.get_bind())
    _name_authors(sa.select(PLACE.c.id, ENTRY.c.member_id), PLACE, PLACE.c.id, OF_PLACES)
    corridors = ROUTE.join(PLACE, PLACE.c.id == ROUTE.c.corridor_id)
    _name_authors(sa.select(PLACE.c.id, ENTRY.c.member_id), corridors, ROUTE.c.id, OF_ROUTES)


def downgrade() -> None:
    op.drop_table("place_author")
    with op.batch_alter_table("place") as batch:
        batch.drop_column("cover_digest")


def _write_digests(connection: sa.Connection) -> None:
    cells = sa.select(CELL.c.leg, CELL.c.cell).order_by(CELL.c.leg, CELL.c.cell)
    for place_id in connection.scalars(sa.select(PLACE.c.id)).all():
        digest = _digest_of(connection.execute(cells.where(CELL.c.place_id == place_id)).all())
        connection.execute(sa.update(PLACE).where(PLACE.c.id == place_id).values(cover_digest=digest))


def _digest_of(rows: Iterable[Sequence[int]]) -> str:
    """Return what `cover.digest_of_cover` gives for these cells."""
    whole = hashlib.sha256()
    for leg, group in groupby(rows, key=itemgetter(0)):
        cells = [cell for _, cell in group]
        whole.update(leg.to_bytes(8, "big") + len(cells).to_bytes(8, "big"))
        whole.update(b"".join(each.to_bytes(8, "big") for each in cells))
    return whole.hexdigest()


def _name_authors(
    statement: sa.Select[tuple[int, int]], owners: sa.FromClause, subject: Any, actions: Sequence[str]
) -> None:
    is_it = sa.and_(ENTRY.c.subject_type == subject.table.name, ENTRY.c.subject_id == subject)
    acted = statement.select_from(owners.join(ENTRY, is_it)).where(ENTRY.c.action.in_(actions))
    found = acted.where(ENTRY.c.member_id.is_not(None)).distinct()
    op.execute(sa.insert(AUTHOR).from_select(["place_id", "member_id"], found))
