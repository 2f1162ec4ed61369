"""Versions of messages, partners' copies, back-translations, words for single channels, and the glossary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_AT = campaigns.core.database.UTCDateTime()
_OLD_KEY = "uq_run_text_run_id_language_region_id_time_zone_place_id_roaming"
_NEW_KEY = "uq_run_text_run_id_language_channel_region_id_time_zone_place_id_roaming"
_WHERE = ["region_id", "time_zone", "place_id", "roaming"]


def upgrade() -> None:
    _create_tables()
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_shared", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("copied_from_id", _BIG, nullable=True))
        batch_op.add_column(sa.Column("copied_from_version", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_message_copied_from_id_message"), "message", ["copied_from_id"], ["id"]
        )
    with op.batch_alter_table("run_text", schema=None) as batch_op:
        batch_op.add_column(sa.Column("channel", sa.String(length=10), server_default="", nullable=False))
        batch_op.drop_constraint(batch_op.f(_OLD_KEY), type_="unique")
        batch_op.create_unique_constraint(batch_op.f(_NEW_KEY), ["run_id", "language", "channel", *_WHERE])
    # Whoever reviewed their own text did not review it.
    op.execute(
        "UPDATE translation SET state = 'translated', reviewer_id = NULL, reviewed_at = NULL"
        " WHERE reviewer_id = translator_id"
    )
    with op.batch_alter_table("translation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("wordings", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
        batch_op.add_column(sa.Column("back_translation", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("back_digest", sa.String(length=64), nullable=True))
        batch_op.create_check_constraint(
            batch_op.f("ck_translation_reviewed_by_another"), "reviewer_id <> translator_id"
        )
    _keep_present_versions()


def downgrade() -> None:
    with op.batch_alter_table("translation", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_translation_reviewed_by_another"), type_="check")
        batch_op.drop_column("back_digest")
        batch_op.drop_column("back_translation")
        batch_op.drop_column("wordings")
    with op.batch_alter_table("run_text", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f(_NEW_KEY), type_="unique")
        batch_op.drop_column("channel")
        batch_op.create_unique_constraint(batch_op.f(_OLD_KEY), ["run_id", "language", *_WHERE])
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_message_copied_from_id_message"), type_="foreignkey")
        batch_op.drop_column("copied_from_version")
        batch_op.drop_column("copied_from_id")
        batch_op.drop_column("is_shared")
    op.drop_table("message_version")
    op.drop_table("glossary_term")


def _create_tables() -> None:
    op.create_table(
        "glossary_term",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("organisation_id", _BIG, nullable=False),
        sa.Column("source_language", sa.String(length=10), nullable=False),
        sa.Column("term", sa.String(length=100), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("wording", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("updated_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_glossary_term_organisation_id_organisation")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_glossary_term")),
        sa.UniqueConstraint(
            "organisation_id",
            "source_language",
            "term",
            "language",
            name=op.f("uq_glossary_term_organisation_id_source_language_term_language"),
        ),
    )
    op.create_table(
        "message_version",
        sa.Column("message_id", _BIG, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("wordings", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("member_id", _BIG, nullable=True),
        sa.Column("made_at", _AT, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_message_version_member_id_member")),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["message.id"],
            name=op.f("fk_message_version_message_id_message"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("message_id", "version", name=op.f("pk_message_version")),
    )


def _keep_present_versions() -> None:
    """Keep the texts of each message as the version that it has now; what was before is lost."""
    connection = op.get_bind()
    message = sa.table("message", sa.column("id"), sa.column("version"), sa.column("updated_at", _AT))
    translation = sa.table("translation", *map(sa.column, ("message_id", "language", "text")))
    kept = sa.table(
        "message_version",
        *map(sa.column, ("message_id", "version", "origin")),
        sa.column("texts", sa.JSON()),
        sa.column("wordings", sa.JSON()),
        sa.column("made_at", _AT),
    )
    texts: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for message_id, language, text in connection.execute(sa.select(translation)):
        texts[message_id][language] = text
    rows: list[dict[str, Any]] = [
        {
            "message_id": message_id,
            "version": version,
            "origin": "written",
            "texts": texts[message_id],
            "wordings": {},
            "made_at": updated_at,
        }
        for message_id, version, updated_at in connection.execute(sa.select(message))
    ]
    if rows:
        connection.execute(sa.insert(kept), rows)
