"""Who ever wrote words of a text, also by a file or before somebody else saved it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0056"
down_revision: str | None = "0052"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT_ONCE = 1000
_writer = sa.table("translation_writer", sa.column("translation_id"), sa.column("member_id"))


def upgrade() -> None:
    op.create_table(
        "translation_writer",
        sa.Column("translation_id", _BIG, nullable=False),
        sa.Column("member_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_translation_writer_member_id_member")),
        sa.ForeignKeyConstraint(
            ["translation_id"],
            ["translation.id"],
            name=op.f("fk_translation_writer_translation_id_translation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("translation_id", "member_id", name=op.f("pk_translation_writer")),
    )
    connection = op.get_bind()
    found = sorted(_writers(connection))
    for start in range(0, len(found), _AT_ONCE):
        rows = [{"translation_id": one, "member_id": by} for one, by in found[start : start + _AT_ONCE]]
        connection.execute(sa.insert(_writer), rows)


def downgrade() -> None:
    op.drop_table("translation_writer")


def _writers(connection: sa.Connection) -> set[tuple[int, int]]:
    """Return whoever wrote last, and whoever made a version in which the words of a text are other ones."""
    translation = sa.table("translation", *map(sa.column, ("id", "message_id", "language", "translator_id")))
    ids: dict[tuple[int, str], int] = {}
    found: set[tuple[int, int]] = set()
    for row in connection.execute(sa.select(translation)):
        ids[row.message_id, row.language] = row.id
        if row.translator_id is not None:
            found.add((row.id, row.translator_id))
    for message_id, language, member_id in _changes(connection):
        if (message_id, language) in ids:
            found.add((ids[message_id, language], member_id))
    return found


def _changes(connection: sa.Connection) -> Iterator[tuple[int, str, int]]:
    """Yield message, language and member of each change of words that a kept version tells of."""
    columns = (sa.column("message_id"), sa.column("version"), sa.column("member_id"))
    texts, wordings = sa.column("texts", sa.JSON()), sa.column("wordings", sa.JSON())
    version = sa.table("message_version", *columns, texts, wordings)
    before: dict[str, Any] = {}
    last: int | None = None
    kept = sa.select(version).order_by(*columns[:2]).execution_options(yield_per=_AT_ONCE)
    with connection.execute(kept) as rows:
        for row in rows:
            now = {language: (text, row.wordings.get(language)) for language, text in row.texts.items()}
            changed = [
                language for language in now if row.message_id != last or now[language] != before.get(language)
            ]
            before, last = now, row.message_id
            if row.member_id is not None:
                yield from ((row.message_id, language, row.member_id) for language in changed)
