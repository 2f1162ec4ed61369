"""Keep who confirmed a list of opt-outs in a column, so that a worker finds the list and nobody else drops it."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId

revision: str = "0137"
down_revision: str | None = "0127"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

#: Where it stood before, in the report of a list that a worker had.
_BY = "by"
#: A shorter list was opted out within a request, which said so nowhere; one that broke off has begun.
_OPTS_OUT, _DONE = "opts_out", "done"
_IS_WAITED_FOR = "confirmed_by_id IS NOT NULL AND state = 'checked'"


def upgrade() -> None:
    with op.batch_alter_table("contact_import") as table:
        table.add_column(sa.Column("confirmed_by_id", BigId, nullable=True))
        table.create_foreign_key(
            op.f("fk_contact_import_confirmed_by_id_member"), "member", ["confirmed_by_id"], ["id"]
        )
    op.create_index(
        "ix_contact_import_confirmed",
        "contact_import",
        ["id"],
        sqlite_where=sa.text(_IS_WAITED_FOR),
        postgresql_where=sa.text(_IS_WAITED_FOR),
    )
    _move_members()


def _move_members() -> None:
    files, connection = _files(), op.get_bind()
    has_member = files.c.report[_BY].as_string().is_not(None)
    for file_id, report in connection.execute(sa.select(files.c.id, files.c.report).where(has_member)).all():
        member_id = report.pop(_BY)
        moved = sa.update(files).where(files.c.id == file_id)
        connection.execute(moved.values(confirmed_by_id=member_id, report=report))
    is_list = files.c.report[_OPTS_OUT].as_string().is_not(None)
    waiting = sa.select(files).where(is_list, files.c.state == "checked", files.c.confirmed_by_id.is_(None))
    begun = [each.id for each in connection.execute(waiting) if each.report.get(_DONE)]
    if begun:
        confirmed = sa.update(files).where(files.c.id.in_(begun))
        connection.execute(confirmed.values(confirmed_by_id=files.c.member_id))


def downgrade() -> None:
    files, connection = _files(), op.get_bind()
    columns = files.c.id, files.c.report, files.c.confirmed_by_id
    confirmed = sa.select(*columns).where(files.c.confirmed_by_id.is_not(None))
    for file_id, report, member_id in connection.execute(confirmed).all():
        put_back = sa.update(files).where(files.c.id == file_id)
        connection.execute(put_back.values(report={_BY: member_id} | report))
    op.drop_index("ix_contact_import_confirmed", "contact_import")
    with op.batch_alter_table("contact_import") as table:
        table.drop_constraint(op.f("fk_contact_import_confirmed_by_id_member"), type_="foreignkey")
        table.drop_column("confirmed_by_id")


def _files() -> sa.TableClause:
    ids = (sa.column(name, BigId) for name in ("id", "member_id", "confirmed_by_id"))
    return sa.table("contact_import", *ids, sa.column("state", sa.String), sa.column("report", sa.JSON))
