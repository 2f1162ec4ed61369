"""Keep conversations: where the talk with each person stands, what it is about, and what the team wrote."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import BigId, UTCDateTime, rows_with

revision: str = "0063"
down_revision: str | None = "0062"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

#: Whoever wrote to an organisation and was never answered waits from the day they wrote last.
_OPEN = """
    INSERT INTO conversation (organisation_id, contact_id, state, urgency, reasons, waiting_since, last_at,
                              last_reply_id, channel, created_at)
    SELECT reply.organisation_id, reply.contact_id, 'new', 30, '[]', reply.received_at, reply.received_at,
           reply.id, reply.channel, reply.received_at
    FROM reply
    JOIN (SELECT max(id) AS id FROM reply
          WHERE organisation_id IS NOT NULL AND contact_id IS NOT NULL
            AND kind IN ('text', 'help', 'info', 'moved', 'yes') AND happening IN ('wrote', 'pressed_button')
          GROUP BY organisation_id, contact_id) AS latest ON latest.id = reply.id
"""


def upgrade() -> None:
    _make_conversations()
    _make_parts()
    with op.batch_alter_table("reply") as table:
        table.add_column(sa.Column("sender_id", BigId, nullable=True))
        table.create_foreign_key(op.f("fk_reply_sender_id_sender"), "sender", ["sender_id"], ["id"])
    op.execute(_OPEN)
    op.add_column("member", sa.Column("languages", sa.JSON(), server_default="[]", nullable=False))


def _make_conversations() -> None:
    op.create_table(
        "conversation",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organisation_id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("owner_id", BigId, nullable=True),
        sa.Column("waiting_since", UTCDateTime(), nullable=True),
        sa.Column("last_at", UTCDateTime(), nullable=False),
        sa.Column("last_reply_id", BigId, nullable=True),
        sa.Column("channel", sa.String(10), nullable=False),
        sa.Column("sender_id", BigId, nullable=True),
        sa.Column("language", sa.String(10), nullable=True),
        sa.Column("snoozed_until", UTCDateTime(), nullable=True),
        sa.Column("outcome", sa.String(20), nullable=True),
        sa.Column("closed_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_conversation_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_conversation_contact_id_contact")),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name=op.f("fk_conversation_owner_id_member")),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name=op.f("fk_conversation_sender_id_sender")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint(
            "organisation_id", "contact_id", name=op.f("uq_conversation_organisation_id_contact_id")
        ),
    )
    op.create_index(op.f("ix_conversation_contact_id"), "conversation", ["contact_id"])
    op.create_index("ix_conversation_last", "conversation", ["organisation_id", "state", "last_at"])
    waiting = ["organisation_id", "urgency", "waiting_since"]
    op.create_index("ix_conversation_waiting", "conversation", waiting, **rows_with("waiting_since IS NOT NULL"))
    op.create_index(
        "ix_conversation_snoozed", "conversation", ["snoozed_until"], **rows_with("snoozed_until IS NOT NULL")
    )


def _make_parts() -> None:
    op.create_table(
        "conversation_tag",
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("tag", sa.String(30), nullable=False),
        _ours("conversation_tag"),
        sa.PrimaryKeyConstraint("conversation_id", "tag", name=op.f("pk_conversation_tag")),
    )
    op.create_index("ix_conversation_tag_tag", "conversation_tag", ["tag", "conversation_id"])
    op.create_table(
        "conversation_word",
        sa.Column("organisation_id", BigId, autoincrement=False, nullable=False),
        sa.Column("word", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversation_id", BigId, autoincrement=False, nullable=False),
        _ours("conversation_word"),
        sa.PrimaryKeyConstraint("organisation_id", "word", "conversation_id", name=op.f("pk_conversation_word")),
    )
    op.create_index(op.f("ix_conversation_word_conversation_id"), "conversation_word", ["conversation_id"])
    op.create_table(
        "answer",
        sa.Column("id", BigId, nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("run_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=True),
        sa.Column("reply_id", BigId, nullable=True),
        sa.Column("written_at", UTCDateTime(), nullable=False),
        _ours("answer"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_answer_run_id_run")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_answer_member_id_member")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer")),
        sa.UniqueConstraint("run_id", name=op.f("uq_answer_run_id")),
    )
    op.create_index(op.f("ix_answer_conversation_id"), "answer", ["conversation_id"])
    _make_of_members(
        "draft",
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("is_pending", sa.Boolean(), nullable=False),
        sa.Column("saved_at", UTCDateTime(), nullable=False),
    )
    _make_of_members("presence", sa.Column("seen_at", UTCDateTime(), nullable=False))


def _make_of_members(name: str, *columns: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("member_id", BigId, nullable=False),
        *columns,
        _ours(name),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f(f"fk_{name}_member_id_member")),
        sa.PrimaryKeyConstraint("conversation_id", "member_id", name=op.f(f"pk_{name}")),
    )


def _ours(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_conversation_id_conversation")
    return sa.ForeignKeyConstraint(["conversation_id"], ["conversation.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    op.drop_column("member", "languages")
    with op.batch_alter_table("reply") as table:
        table.drop_constraint(op.f("fk_reply_sender_id_sender"), type_="foreignkey")
        table.drop_column("sender_id")
    for name in ("presence", "draft", "answer", "conversation_word", "conversation_tag", "conversation"):
        op.drop_table(name)
