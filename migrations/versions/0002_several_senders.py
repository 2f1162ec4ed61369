"""Several senders a campaign and run, rehearsals, WhatsApp templates and entry points."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

import campaigns.core.database

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "entry_point",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("place_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("language", sa.String(length=10), nullable=True),
        sa.Column("created_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.Column("removed_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_entry_point_organisation_id_organisation")
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name=op.f("fk_entry_point_place_id_place"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_point")),
        sa.UniqueConstraint("code", name=op.f("uq_entry_point_code")),
    )
    with op.batch_alter_table("entry_point", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_entry_point_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "whatsapp_template",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("secret_name", sa.String(length=60), nullable=False),
        sa.Column("gateway", sa.String(length=30), nullable=False),
        sa.Column("message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("text_digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("category", sa.String(length=15), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("content_sid", sa.String(length=40), nullable=True),
        sa.Column("asked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_at", campaigns.core.database.UTCDateTime(), nullable=False),
        sa.Column("synced_at", campaigns.core.database.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["asked_by_id"], ["member.id"], name=op.f("fk_whatsapp_template_asked_by_id_member")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_whatsapp_template_message_id_message")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_whatsapp_template_organisation_id_organisation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_whatsapp_template")),
        sa.UniqueConstraint(
            "secret_name",
            "message_id",
            "language",
            "text_digest",
            name=op.f("uq_whatsapp_template_secret_name_message_id_language_text_digest"),
        ),
    )
    with op.batch_alter_table("whatsapp_template", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_whatsapp_template_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "campaign_sender",
        sa.Column("campaign_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("sender_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("fk_campaign_sender_campaign_id_campaign")
        ),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name=op.f("fk_campaign_sender_sender_id_sender")),
        sa.PrimaryKeyConstraint("campaign_id", "rank", name=op.f("pk_campaign_sender")),
        sa.UniqueConstraint("campaign_id", "sender_id", name=op.f("uq_campaign_sender_campaign_id_sender_id")),
    )
    op.create_table(
        "run_sender",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("sender_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_sender_run_id_run")),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name=op.f("fk_run_sender_sender_id_sender")),
        sa.PrimaryKeyConstraint("run_id", "rank", name=op.f("pk_run_sender")),
        sa.UniqueConstraint("run_id", "sender_id", name=op.f("uq_run_sender_run_id_sender_id")),
    )
    with op.batch_alter_table("address", schema=None) as batch_op:
        batch_op.add_column(sa.Column("heard_at", campaigns.core.database.UTCDateTime(), nullable=True))

    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("sender_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(
            sa.Column("address_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.add_column(sa.Column("reference", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("provider_id", sa.String(length=64), nullable=True))

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("sender_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
        )
        batch_op.alter_column(
            "reference", existing_type=sa.VARCHAR(length=32), type_=sa.String(length=64), existing_nullable=False
        )
        batch_op.drop_index(batch_op.f("ix_delivery_queued"))
        batch_op.create_index(
            "ix_delivery_queued",
            ["run_id", "sender_id", "id"],
            unique=False,
            sqlite_where=sa.text("send_state = 'queued'"),
            postgresql_where=sa.text("send_state = 'queued'"),
        )

    op.execute("UPDATE delivery SET sender_id = (SELECT sender_id FROM run WHERE run.id = delivery.run_id)")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.alter_column("sender_id", existing_type=sa.BigInteger(), nullable=False)
        batch_op.create_index(
            "ix_delivery_called",
            ["sender_id", "intent_at"],
            unique=False,
            sqlite_where=sa.text("channel <> 'sms'"),
            postgresql_where=sa.text("channel <> 'sms'"),
        )

    op.execute("INSERT INTO campaign_sender (campaign_id, rank, sender_id) SELECT id, 0, sender_id FROM campaign")
    op.execute(
        "INSERT INTO run_sender (run_id, rank, sender_id, channel, countries)"
        " SELECT id, 0, sender_id, channel, '[]' FROM run"
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_rehearsal", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.alter_column("schedule_id", existing_type=sa.INTEGER(), nullable=True)

    with op.batch_alter_table("reply", schema=None) as batch_op:
        batch_op.add_column(sa.Column("happening", sa.String(length=16), nullable=False, server_default="wrote"))

    with op.batch_alter_table("run_text", schema=None) as batch_op:
        batch_op.add_column(sa.Column("content_sid", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("content_variables", sa.JSON(), nullable=True))

    with op.batch_alter_table("sender", schema=None) as batch_op:
        batch_op.add_column(sa.Column("countries", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("daily_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("health", sa.String(length=10), nullable=False, server_default="well"))
        batch_op.add_column(sa.Column("health_code", sa.String(length=40), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("health_at", campaigns.core.database.UTCDateTime(), nullable=True))
    # The defaults were for the rows that were there; from now on the application says each value.
    fresh = {
        "reply": ["happening"],
        "run": ["is_rehearsal"],
        "sender": ["countries", "health", "health_code"],
    }
    for table, columns in fresh.items():
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in columns:
                batch_op.alter_column(column, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("sender", schema=None) as batch_op:
        batch_op.drop_column("health_at")
        batch_op.drop_column("health_code")
        batch_op.drop_column("health")
        batch_op.drop_column("daily_limit")
        batch_op.drop_column("countries")

    with op.batch_alter_table("run_text", schema=None) as batch_op:
        batch_op.drop_column("content_variables")
        batch_op.drop_column("content_sid")

    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.alter_column("schedule_id", existing_type=sa.INTEGER(), nullable=False)
        batch_op.drop_column("is_rehearsal")

    with op.batch_alter_table("reply", schema=None) as batch_op:
        batch_op.drop_column("happening")

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index("ix_delivery_called")
        batch_op.drop_index("ix_delivery_queued")
        batch_op.create_index(
            "ix_delivery_queued",
            ["run_id", "id"],
            unique=False,
            sqlite_where=sa.text("send_state = 'queued'"),
            postgresql_where=sa.text("send_state = 'queued'"),
        )
        batch_op.alter_column(
            "reference", existing_type=sa.String(length=64), type_=sa.VARCHAR(length=32), existing_nullable=False
        )
        batch_op.drop_column("sender_id")

    with op.batch_alter_table("attempt", schema=None) as batch_op:
        batch_op.drop_column("provider_id")
        batch_op.drop_column("reference")
        batch_op.drop_column("address_id")
        batch_op.drop_column("sender_id")

    with op.batch_alter_table("address", schema=None) as batch_op:
        batch_op.drop_column("heard_at")

    op.drop_table("run_sender")
    op.drop_table("campaign_sender")
    with op.batch_alter_table("whatsapp_template", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_whatsapp_template_organisation_id"))

    op.drop_table("whatsapp_template")
    with op.batch_alter_table("entry_point", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_entry_point_organisation_id"))

    op.drop_table("entry_point")
