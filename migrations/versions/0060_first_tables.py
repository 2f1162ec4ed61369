"""The first tables: those of every database are at least as new as these."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from campaigns.core.database import UTCDateTime, WallClock
from campaigns.core.errors import SettingsError
from campaigns.schema import add_job_tables

revision: str = "0060"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME, _WALL_CLOCK = UTCDateTime(), WallClock(length=16)
#: Indexes that get an entry for each change of a delivery: half of each page is left free for them.
_ROOMY_INDEXES = ("pk_delivery", "uq_delivery_run_id_contact_id", "ix_delivery_reference")
#: Deliveries that were closed without a call that the provider took.
_CLOSED = sa.text(
    "send_state = 'failed' OR send_state = 'suppressed' OR send_state = 'expired' OR send_state = 'unconfirmed'"
)
_FROZEN = ("release", "release_file", "release_ledger")


def upgrade() -> None:
    """Make all tables, step by step, in the order in which they point at each other."""
    _make_tables_of_core()
    _make_tables_of_continuity()
    _make_tables_of_staff()
    _make_tables_of_proposals()
    _make_tables_of_places()
    _make_tables_of_audience()
    _make_tables_of_directory()
    _make_tables_of_messages()
    _make_tables_of_planning()
    _make_tables_of_delivery()
    _make_tables_of_inbox()
    _make_tables_of_reach()
    if op.get_bind().dialect.name == "postgresql":
        # The tables of Procrastinate as well: on PostgreSQL lanes are its jobs.
        add_job_tables(op.get_bind())
        _leave_room()
        _freeze_on_postgres()
    else:
        _freeze_on_sqlite()


def downgrade() -> None:
    """Refuse: what was before these tables is an empty database."""
    raise SettingsError("Nothing is older than the first tables: drop the database instead.")


def _leave_room() -> None:
    for name in _ROOMY_INDEXES:
        op.execute(f"ALTER INDEX {name} SET (fillfactor = 50)")


def _freeze_on_postgres() -> None:
    """Let the database itself refuse to change or remove what is frozen."""
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_to_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'a frozen row is never changed'; END$$"
    )
    for table in _FROZEN:
        op.execute(
            f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_to_change()"
        )


def _freeze_on_sqlite() -> None:
    for table in _FROZEN:
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_stays_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'a frozen {table} is never changed'); END"
            )


def _make_tables_of_core() -> None:
    op.create_table(
        "key_fingerprint",
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_key_fingerprint"),
    )
    op.create_table(
        "write_probe",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("written_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_write_probe"),
    )


def _make_tables_of_continuity() -> None:
    op.create_table(
        "hook_beat",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hook_beat"),
    )
    op.create_table(
        "instance",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default="0", nullable=False),
        sa.Column("place", sa.String(length=100)),
        sa.Column("latched_at", _TIME),
        sa.Column("latched_because", sa.String(length=10)),
        sa.Column("released_at", _TIME),
        sa.Column("forgiven", sa.JSON(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instance"),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_pulse"),
    )


def _make_tables_of_staff() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", _ID, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("organisation_id", _ID),
        sa.Column("member_id", _ID),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", _ID, nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
    )
    op.create_index("ix_audit_entry_act", "audit_entry", ["organisation_id", "action", "at"])
    op.create_index("ix_audit_entry_organisation_id", "audit_entry", ["organisation_id"])
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject_type", "subject_id"])
    op.create_table(
        "leaky_bucket",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("empty_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_leaky_bucket"),
    )
    op.create_index("ix_leaky_bucket_empty_at", "leaky_bucket", ["empty_at"])
    op.create_table(
        "member",
        sa.Column("id", _ID, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password", sa.String(length=255)),
        sa.Column("password_is_temporary", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=10)),
        sa.Column("tf_primary_method", sa.String(length=64)),
        sa.Column("tf_totp_secret", sa.String(length=255)),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
        sa.UniqueConstraint("email", name="uq_member_email"),
        sa.UniqueConstraint("fs_uniquifier", name="uq_member_fs_uniquifier"),
    )
    op.create_table(
        "organisation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("slug", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("mandate", sa.JSON()),
        sa.Column("link_hosts", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisation"),
        sa.UniqueConstraint("slug", name="uq_organisation_slug"),
    )
    op.create_table(
        "recurring_event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", _ID, nullable=False),
        sa.Column("organisation_id", _ID),
        sa.Column("member_id", _ID),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("untold", sa.Integer(), nullable=False),
        sa.Column("told_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recurring_event"),
        sa.UniqueConstraint("key", name="uq_recurring_event_key"),
    )
    op.create_index("ix_recurring_event_told_at", "recurring_event", ["told_at"])
    op.create_table(
        "api_token",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_by_id", _ID, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME),
        sa.ForeignKeyConstraint(["created_by_id"], ["member.id"], name="fk_api_token_created_by_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_api_token_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("digest", name="uq_api_token_digest"),
    )
    op.create_index("ix_api_token_organisation_id", "api_token", ["organisation_id"])
    op.create_table(
        "audit_note",
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("sealed_words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name="fk_audit_note_entry_id_audit_entry"),
        sa.PrimaryKeyConstraint("entry_id", name="pk_audit_note"),
    )
    op.create_table(
        "membership",
        sa.Column("id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("approves_from", _TIME),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_membership_member_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_membership_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_membership"),
        sa.UniqueConstraint("member_id", "organisation_id", name="uq_membership_member_id_organisation_id"),
    )
    op.create_index("ix_membership_organisation_id", "membership", ["organisation_id"])


def _make_tables_of_proposals() -> None:
    op.create_table(
        "proposal",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("subject_type", sa.String(length=40), nullable=False),
        sa.Column("subject_id", _ID, nullable=False),
        sa.Column("topic", sa.String(length=254), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("proposed_by_id", _ID, nullable=False),
        sa.Column("proposed_in_id", _ID),
        sa.Column("proposed_at", _TIME, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("settled_by_id", _ID),
        sa.Column("settled_at", _TIME),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_proposal_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["member.id"], name="fk_proposal_proposed_by_id_member"),
        sa.ForeignKeyConstraint(
            ["proposed_in_id"], ["organisation.id"], name="fk_proposal_proposed_in_id_organisation"
        ),
        sa.ForeignKeyConstraint(["settled_by_id"], ["member.id"], name="fk_proposal_settled_by_id_member"),
        sa.PrimaryKeyConstraint("id", name="pk_proposal"),
    )
    op.create_index("ix_proposal_lately", "proposal", ["organisation_id", "settled_at"])
    op.create_index(
        "uq_proposal_waiting",
        "proposal",
        ["organisation_id", "kind", "subject_type", "subject_id", "topic"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )


def _make_tables_of_places() -> None:
    op.create_table(
        "region",
        sa.Column("id", _ID, nullable=False),
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("parent_code", sa.String(length=10)),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("outdated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_region"),
        sa.UniqueConstraint("code", name="uq_region_code"),
    )
    op.create_index("ix_region_country", "region", ["country"])
    op.create_table(
        "place",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("local_name", sa.String(length=200)),
        sa.Column("category", sa.String(length=60)),
        sa.Column("geometry", sa.JSON(), nullable=False),
        sa.Column("radius_m", sa.Integer()),
        sa.Column("region_id", _ID),
        sa.Column("risk_tags", sa.JSON(), nullable=False),
        sa.Column("note", sa.String()),
        sa.Column("source", sa.String(length=200)),
        sa.Column("certainty", sa.String(length=60)),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("valid_until", sa.Date()),
        sa.Column("cover_digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_place_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name="fk_place_region_id_region"),
        sa.PrimaryKeyConstraint("id", name="pk_place"),
        sa.UniqueConstraint("organisation_id", "key", name="uq_place_organisation_id_key"),
    )
    op.create_index("ix_place_kind", "place", ["organisation_id", "kind"])
    op.create_table(
        "place_author",
        sa.Column("place_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_place_author_member_id_member"),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name="fk_place_author_place_id_place", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("place_id", "member_id", name="pk_place_author"),
    )
    op.create_table(
        "place_cell",
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place_id", _ID, autoincrement=False, nullable=False),
        sa.Column("leg", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name="fk_place_cell_place_id_place", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cell", "place_id", "leg", name="pk_place_cell"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_place_cell_place_id", "place_cell", ["place_id"])
    op.create_table(
        "route",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("mode", sa.String(length=40), nullable=False),
        sa.Column("programme", sa.String(length=60)),
        sa.Column("width_m", sa.Integer(), nullable=False),
        sa.Column("corridor_id", _ID, nullable=False),
        sa.Column("certainty", sa.String(length=60)),
        sa.Column("extra", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["corridor_id"], ["place.id"], name="fk_route_corridor_id_place"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_route_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_route"),
        sa.UniqueConstraint("organisation_id", "key", name="uq_route_organisation_id_key"),
    )
    op.create_table(
        "route_stop",
        sa.Column("id", _ID, nullable=False),
        sa.Column("route_id", _ID, nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("place_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name="fk_route_stop_place_id_place"),
        sa.ForeignKeyConstraint(
            ["route_id"], ["route.id"], name="fk_route_stop_route_id_route", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_route_stop"),
        sa.UniqueConstraint("route_id", "position", name="uq_route_stop_route_id_position"),
    )
    op.create_index("ix_route_stop_place_id", "route_stop", ["place_id"])


def _make_tables_of_audience() -> None:
    op.create_table(
        "suppressed_address",
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("is_hold", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("lookup", "channel", name="pk_suppressed_address"),
    )
    op.create_table(
        "audience",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_audience_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_audience"),
    )
    op.create_index("ix_audience_organisation_id", "audience", ["organisation_id"])
    op.create_table(
        "contact",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("other_language", sa.String(length=10)),
        sa.Column("cell", sa.BigInteger()),
        sa.Column("region_id", _ID),
        sa.Column("time_zone", sa.String(length=40)),
        sa.Column("position_source", sa.String(length=12)),
        sa.Column("position_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_contact_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name="fk_contact_region_id_region"),
        sa.PrimaryKeyConstraint("id", name="pk_contact"),
    )
    op.create_index("ix_contact_organisation", "contact", ["organisation_id", "id"])
    op.create_table(
        "contact_import",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("member_id", _ID),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("sealed_about", sa.LargeBinary()),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("sealed_file", sa.LargeBinary()),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("decided_at", _TIME),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_contact_import_member_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_contact_import_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_contact_import"),
    )
    op.create_index("ix_contact_import_organisation_id", "contact_import", ["organisation_id"])
    op.create_table(
        "small_look",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_small_look_member_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_small_look_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_small_look"),
    )
    op.create_index("ix_small_look_at", "small_look", ["organisation_id", "at"])
    op.create_table(
        "address",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.LargeBinary(length=32)),
        sa.Column("is_shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("country", sa.String(length=2)),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("heard_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_address_contact_id_contact"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_address_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_address"),
        sa.UniqueConstraint("contact_id", "channel", name="uq_address_contact_id_channel"),
        sa.UniqueConstraint(
            "organisation_id", "channel", "lookup", name="uq_address_organisation_id_channel_lookup"
        ),
    )
    op.create_index(
        "ix_address_held",
        "address",
        ["organisation_id"],
        sqlite_where=sa.text("state = 'held'"),
        postgresql_where=sa.text("state = 'held'"),
    )
    op.create_index(
        "ix_address_is_shared",
        "address",
        ["contact_id"],
        sqlite_where=sa.text("is_shared = 1"),
        postgresql_where=sa.text("is_shared"),
    )
    op.create_index("ix_address_lookup", "address", ["lookup"])
    op.create_index("ix_address_number", "address", ["number"])
    op.create_table(
        "entry_point",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("place_id", _ID),
        sa.Column("language", sa.String(length=10)),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("removed_at", _TIME),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_entry_point_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name="fk_entry_point_place_id_place", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_entry_point"),
        sa.UniqueConstraint("code", name="uq_entry_point_code"),
    )
    op.create_index("ix_entry_point_organisation_id", "entry_point", ["organisation_id"])
    op.create_table(
        "consent",
        sa.Column("id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("address_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("purpose", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("wording", sa.String(length=200), nullable=False),
        sa.Column("sealed_evidence", sa.LargeBinary()),
        sa.Column("given_at", _TIME, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_consent_address_id_address"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_consent_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_address_id", "consent", ["address_id"])
    op.create_index("ix_consent_contact_id", "consent", ["contact_id"])
    op.create_index("ix_consent_kind_recorded_at", "consent", ["kind", "recorded_at"])


def _make_tables_of_directory() -> None:
    op.create_table(
        "emergency_number",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("number", sa.String(length=10), nullable=False),
        sa.Column("document", sa.String(length=300), nullable=False),
        sa.Column("document_date", sa.Date(), nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_emergency_number_member_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_emergency_number_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_emergency_number"),
    )
    op.create_index("ix_emergency_number_organisation_id", "emergency_number", ["organisation_id"])
    op.create_table(
        "service",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("region_codes", sa.JSON(), nullable=False),
        sa.Column("number_national", sa.String(length=60)),
        sa.Column("number_from_abroad", sa.String(length=60)),
        sa.Column("other_numbers", sa.JSON(), nullable=False),
        sa.Column("works_from_foreign_sim", sa.String(length=10), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("language_days", sa.JSON(), nullable=False),
        sa.Column("languages_note", sa.String(length=200), nullable=False),
        sa.Column("hours_note", sa.String(length=200), nullable=False),
        sa.Column("hours", sa.JSON(), nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("operator_type", sa.String(length=20), nullable=False),
        sa.Column("operator", sa.String(length=200), nullable=False),
        sa.Column("cost", sa.String(length=100), nullable=False),
        sa.Column("confidential", sa.Boolean()),
        sa.Column("scope", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("source_date", sa.String(length=100), nullable=False),
        sa.Column("source_status", sa.String(length=100), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("verified_on", sa.Date()),
        sa.Column("verified_by_id", _ID),
        sa.Column("verified_how", sa.String(length=100)),
        sa.Column("expires_on", sa.Date()),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_service_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["verified_by_id"], ["member.id"], name="fk_service_verified_by_id_member"),
        sa.PrimaryKeyConstraint("id", name="pk_service"),
        sa.UniqueConstraint("organisation_id", "key", name="uq_service_organisation_id_key"),
    )
    op.create_index("ix_service_country", "service", ["country"])
    op.create_table(
        "service_check",
        sa.Column("id", _ID, nullable=False),
        sa.Column("service_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("how", sa.String(length=100), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_service_check_member_id_member"),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name="fk_service_check_service_id_service"),
        sa.PrimaryKeyConstraint("id", name="pk_service_check"),
    )
    op.create_index("ix_service_check_service_id", "service_check", ["service_id"])


def _make_tables_of_messages() -> None:
    op.create_table(
        "glossary_term",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("source_language", sa.String(length=10), nullable=False),
        sa.Column("term", sa.String(length=100), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("wording", sa.String(length=200), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_glossary_term_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_glossary_term"),
        sa.UniqueConstraint(
            "organisation_id",
            "source_language",
            "term",
            "language",
            name="uq_glossary_term_organisation_id_source_language_term_language",
        ),
    )
    op.create_table(
        "message",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("theme", sa.String(length=40), nullable=False),
        sa.Column("base_language", sa.String(length=10), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("copied_from_id", _ID),
        sa.Column("copied_from_version", sa.Integer()),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["copied_from_id"], ["message.id"], name="fk_message_copied_from_id_message"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_message_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
    )
    op.create_index("ix_message_organisation_id", "message", ["organisation_id"])
    op.create_table(
        "message_version",
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("wordings", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("member_id", _ID),
        sa.Column("made_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_message_version_member_id_member"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name="fk_message_version_message_id_message", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_id", "version", name="pk_message_version"),
    )
    op.create_table(
        "translation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("wordings", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("back_translation", sa.String(), server_default="", nullable=False),
        sa.Column("back_digest", sa.String(length=64)),
        sa.Column("source_digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("translator_id", _ID),
        sa.Column("reviewer_id", _ID),
        sa.Column("reviewed_at", _TIME),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.CheckConstraint("reviewer_id <> translator_id", name=op.f("ck_translation_reviewed_by_another")),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name="fk_translation_message_id_message", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["reviewer_id"], ["member.id"], name="fk_translation_reviewer_id_member"),
        sa.ForeignKeyConstraint(["translator_id"], ["member.id"], name="fk_translation_translator_id_member"),
        sa.PrimaryKeyConstraint("id", name="pk_translation"),
        sa.UniqueConstraint("message_id", "language", name="uq_translation_message_id_language"),
    )
    op.create_table(
        "withdrawal",
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("withdrawn_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_withdrawal_member_id_member"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_withdrawal_message_id_message"),
        sa.PrimaryKeyConstraint("message_id", "version", name="pk_withdrawal"),
    )
    op.create_table(
        "translation_writer",
        sa.Column("translation_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_translation_writer_member_id_member"),
        sa.ForeignKeyConstraint(
            ["translation_id"],
            ["translation.id"],
            name="fk_translation_writer_translation_id_translation",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("translation_id", "member_id", name="pk_translation_writer"),
    )


def _make_tables_of_planning() -> None:
    op.create_table(
        "sender",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("gateway", sa.String(length=30), nullable=False),
        sa.Column("identity", sa.String(length=60), nullable=False),
        sa.Column("secret_name", sa.String(length=60), nullable=False),
        sa.Column("pace", sa.Double(), nullable=False),
        sa.Column("two_way", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.Column("daily_limit", sa.Integer()),
        sa.Column("prices", sa.JSON(), server_default="{}", nullable=False),
        sa.Column("health", sa.String(length=10), nullable=False),
        sa.Column("health_code", sa.String(length=40), nullable=False),
        sa.Column("health_at", _TIME),
        sa.Column("tested_at", _TIME),
        sa.Column("test_code", sa.String(length=40), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_sender_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_sender"),
    )
    op.create_index(
        "ix_sender_identity",
        "sender",
        ["gateway", "channel", "identity"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_index("ix_sender_organisation_id", "sender", ["organisation_id"])
    op.create_table(
        "campaign",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("audience_id", _ID, nullable=False),
        sa.Column("sender_id", _ID, nullable=False),
        sa.Column("fallback_policy", sa.String(length=15), nullable=False),
        sa.Column("fallback_language", sa.String(length=10)),
        sa.Column("max_parts", sa.Integer(), nullable=False),
        sa.Column("link", sa.String(length=200)),
        sa.Column("resend_unknown", sa.Boolean(), nullable=False),
        sa.Column("budget_cents", sa.Integer()),
        sa.Column("accepted_left_out", sa.Integer()),
        sa.Column("correction_id", _ID),
        sa.Column("created_by_id", _ID, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name="fk_campaign_audience_id_audience"),
        sa.ForeignKeyConstraint(["correction_id"], ["message.id"], name="fk_campaign_correction_id_message"),
        sa.ForeignKeyConstraint(["created_by_id"], ["member.id"], name="fk_campaign_created_by_id_member"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_campaign_message_id_message"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_campaign_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name="fk_campaign_sender_id_sender"),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
        sa.UniqueConstraint("organisation_id", "code", name="uq_campaign_organisation_id_code"),
    )
    op.create_index("ix_campaign_code", "campaign", ["code"], unique=True)
    op.create_table(
        "whatsapp_template",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("secret_name", sa.String(length=60), nullable=False),
        sa.Column("gateway", sa.String(length=30), nullable=False),
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("text_digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("slots", sa.JSON(), nullable=False),
        sa.Column("category", sa.String(length=15), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("content_sid", sa.String(length=40)),
        sa.Column("asked_by_id", _ID, nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("synced_at", _TIME),
        sa.ForeignKeyConstraint(["asked_by_id"], ["member.id"], name="fk_whatsapp_template_asked_by_id_member"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_whatsapp_template_message_id_message"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_whatsapp_template_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_whatsapp_template"),
        sa.UniqueConstraint(
            "secret_name",
            "message_id",
            "language",
            "text_digest",
            name=op.f("uq_whatsapp_template_secret_name_message_id_language_text_digest"),
        ),
    )
    op.create_index("ix_whatsapp_template_organisation_id", "whatsapp_template", ["organisation_id"])
    op.create_table(
        "approval",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON()),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("decided_at", _TIME, nullable=False),
        sa.Column("voided_at", _TIME),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_approval_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_approval_member_id_member"),
        sa.PrimaryKeyConstraint("id", name="pk_approval"),
    )
    op.create_index("ix_approval_campaign_id", "approval", ["campaign_id"])
    op.create_table(
        "campaign_sender",
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("sender_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_campaign_sender_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name="fk_campaign_sender_sender_id_sender"),
        sa.PrimaryKeyConstraint("campaign_id", "rank", name="pk_campaign_sender"),
        sa.UniqueConstraint("campaign_id", "sender_id", name="uq_campaign_sender_campaign_id_sender_id"),
    )
    op.create_table(
        "counted_link",
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_counted_link_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("campaign_id", name="pk_counted_link"),
    )
    op.create_table(
        "country_confirmation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("confirmed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name="fk_country_confirmation_campaign_id_campaign"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_country_confirmation_member_id_member"),
        sa.PrimaryKeyConstraint("id", name="pk_country_confirmation"),
    )
    op.create_index("ix_country_confirmation_campaign_id", "country_confirmation", ["campaign_id"])
    op.create_table(
        "harm_review",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("answered_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_harm_review_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_harm_review_member_id_member"),
        sa.PrimaryKeyConstraint("id", name="pk_harm_review"),
    )
    op.create_index("ix_harm_review_campaign_id", "harm_review", ["campaign_id"])
    op.create_table(
        "schedule",
        sa.Column("id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("starts_at", _WALL_CLOCK, nullable=False),
        sa.Column("recurrence", sa.String(length=200)),
        sa.Column("zone_policy", sa.String(length=10), nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("grace_minutes", sa.Integer(), nullable=False),
        sa.Column("expires_after_minutes", sa.Integer(), nullable=False),
        sa.Column("next_occurrence", _WALL_CLOCK),
        sa.Column("next_fire_at", _TIME),
        sa.Column("removed_at", _TIME),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_schedule_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
    )
    op.create_index("ix_schedule_campaign_id", "schedule", ["campaign_id"])
    op.create_index("ix_schedule_next_fire_at", "schedule", ["next_fire_at"])
    op.create_table(
        "approved_people",
        sa.Column("approval_id", _ID, autoincrement=False, nullable=False),
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bits", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["approval_id"], ["approval.id"], name="fk_approved_people_approval_id_approval"),
        sa.PrimaryKeyConstraint("approval_id", "block", name="pk_approved_people"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("schedule_id", _ID),
        sa.Column("occurrence", _WALL_CLOCK, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("sender_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("message_version", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.JSON(), nullable=False),
        sa.Column("planned_through", _ID, nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("is_rehearsal", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("corrects_id", _ID),
        sa.Column("paused_by_itself", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("resume_asked_by_id", _ID),
        sa.Column("resume_asked_at", _TIME),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_run_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["corrects_id"], ["run.id"], name="fk_run_corrects_id_run"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_run_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["resume_asked_by_id"], ["member.id"], name="fk_run_resume_asked_by_id_member"),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedule.id"], name="fk_run_schedule_id_schedule"),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name="fk_run_sender_id_sender"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("schedule_id", "occurrence", name="uq_run_schedule_id_occurrence"),
    )
    op.create_index("ix_run_campaign_id", "run", ["campaign_id"])
    op.create_index("ix_run_corrects_id", "run", ["corrects_id"])
    op.create_index("ix_run_organisation_id", "run", ["organisation_id"])
    op.create_index("ix_run_state", "run", ["state"])
    op.create_table(
        "run_sender",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("sender_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_sender_run_id_run"),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name="fk_run_sender_sender_id_sender"),
        sa.PrimaryKeyConstraint("run_id", "rank", name="pk_run_sender"),
        sa.UniqueConstraint("run_id", "sender_id", name="uq_run_sender_run_id_sender_id"),
    )


def _make_tables_of_delivery() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", _ID, nullable=False),
        sa.Column("delivery_id", _ID, nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("error", sa.String(length=40)),
        sa.Column("sender_id", _ID),
        sa.Column("address_id", _ID),
        sa.Column("reference", sa.String(length=64)),
        sa.Column("provider_id", sa.String(length=64)),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
    )
    op.create_index("ix_attempt_delivery_id", "attempt", ["delivery_id"])
    op.create_index(
        "ix_attempt_sent",
        "attempt",
        ["sender_id", "at"],
        sqlite_where=sa.text("provider_id IS NOT NULL"),
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_table(
        "canary_delivery",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("delivery_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "delivery_id", name="pk_canary_delivery"),
    )
    op.create_table(
        "delivery",
        sa.Column("id", _ID, nullable=False),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("contact_id", _ID, nullable=False),
        sa.Column("address_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("sender_id", _ID, nullable=False),
        sa.Column("text_id", _ID, nullable=False),
        sa.Column("region_id", _ID, nullable=False),
        sa.Column("send_state", sa.String(length=11), nullable=False),
        sa.Column("receipt_state", sa.String(length=11)),
        sa.Column("receipt_id", _ID),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=32)),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("intent_at", _TIME),
        sa.Column("provider_id", sa.String(length=64)),
        sa.Column("error", sa.String(length=40)),
        sa.Column("receipt_error", sa.String(length=40)),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("run_id", "contact_id", name="uq_delivery_run_id_contact_id"),
    )
    op.create_index(
        "ix_delivery_called",
        "delivery",
        ["sender_id", "intent_at"],
        sqlite_where=sa.text("channel <> 'sms'"),
        postgresql_where=sa.text("channel <> 'sms'"),
    )
    op.create_index(
        "ix_delivery_cancelled",
        "delivery",
        ["run_id", "id"],
        sqlite_where=sa.text("send_state = 'cancelled'"),
        postgresql_where=sa.text("send_state = 'cancelled'"),
    )
    op.create_index(
        "ix_delivery_closed",
        "delivery",
        ["run_id", "send_state", "id"],
        sqlite_where=_CLOSED,
        postgresql_where=_CLOSED,
    )
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["send_state", "intent_at"],
        sqlite_where=sa.text("send_state = 'sending' OR send_state = 'unknown'"),
        postgresql_where=sa.text("send_state = 'sending' OR send_state = 'unknown'"),
    )
    op.create_index(
        "ix_delivery_queued",
        "delivery",
        ["run_id", "sender_id", "id"],
        sqlite_where=sa.text("send_state = 'queued'"),
        postgresql_where=sa.text("send_state = 'queued'"),
    )
    op.create_index("ix_delivery_reference", "delivery", ["reference"], unique=True)
    op.create_index(
        "ix_delivery_undelivered",
        "delivery",
        ["run_id", "receipt_error", "id"],
        sqlite_where=sa.text("receipt_error IS NOT NULL"),
        postgresql_where=sa.text("receipt_error IS NOT NULL"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", _ID, nullable=False),
        sa.Column("gateway", sa.String(length=30), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("provider_id", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("error", sa.String(length=40)),
        sa.Column("action", sa.String(length=20)),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("applied_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_receipt"),
    )
    op.create_index(
        "ix_receipt_waiting",
        "receipt",
        ["id"],
        sqlite_where=sa.text("applied_at IS NULL"),
        postgresql_where=sa.text("applied_at IS NULL"),
    )
    op.create_table(
        "sender_account",
        sa.Column("id", _ID, nullable=False),
        sa.Column("sender_id", _ID, nullable=False),
        sa.Column("is_rehearsal", sa.Boolean(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name="fk_sender_account_sender_id_sender"),
        sa.PrimaryKeyConstraint("id", name="pk_sender_account"),
    )
    op.create_index("ix_sender_account_sender_id", "sender_account", ["sender_id"])
    op.create_table(
        "run_canary",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("sent_at", _TIME),
        sa.Column("decided_at", _TIME),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("opted_out", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_canary_run_id_run"),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_canary"),
    )
    op.create_table(
        "run_left_out",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("region_id", _ID, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_left_out_run_id_run"),
        sa.PrimaryKeyConstraint("run_id", "reason", "region_id", "language", name="pk_run_left_out"),
    )
    op.create_table(
        "run_quiet",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("begins_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_quiet_run_id_run"),
        sa.PrimaryKeyConstraint("run_id", "time_zone", "country", "begins_at", name="pk_run_quiet"),
    )
    op.create_table(
        "run_text",
        sa.Column("id", _ID, nullable=False),
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("channel", sa.String(length=10), server_default="", nullable=False),
        sa.Column("region_id", _ID, nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("place_id", _ID, nullable=False),
        sa.Column("roaming", sa.Boolean(), nullable=False),
        sa.Column("stop", sa.String(length=5), server_default="", nullable=False),
        sa.Column("service_ids", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("body", sa.String()),
        sa.Column("parts", sa.SmallInteger(), nullable=False),
        sa.Column("content_sid", sa.String(length=40)),
        sa.Column("content_variables", sa.JSON()),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_text_run_id_run"),
        sa.PrimaryKeyConstraint("id", name="pk_run_text"),
        sa.UniqueConstraint(
            "run_id",
            "language",
            "channel",
            "region_id",
            "time_zone",
            "place_id",
            "roaming",
            "stop",
            name="uq_run_text_combination",
        ),
    )
    op.create_table(
        "run_zone",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("country", sa.String(length=2), server_default="", nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_zone_run_id_run"),
        sa.PrimaryKeyConstraint("run_id", "time_zone", "country", name="pk_run_zone"),
    )
    op.create_table(
        "former_text",
        sa.Column("text_id", _ID, nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("service_ids", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("body", sa.String()),
        sa.Column("parts", sa.SmallInteger(), nullable=False),
        sa.Column("content_sid", sa.String(length=40)),
        sa.Column("content_variables", sa.JSON()),
        sa.ForeignKeyConstraint(["text_id"], ["run_text.id"], name="fk_former_text_text_id_run_text"),
        sa.PrimaryKeyConstraint("text_id", "until", name="pk_former_text"),
    )


def _make_tables_of_inbox() -> None:
    op.create_table(
        "inbound_look",
        sa.Column("sender_id", _ID, nullable=False),
        sa.Column("through", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name="fk_inbound_look_sender_id_sender"),
        sa.PrimaryKeyConstraint("sender_id", name="pk_inbound_look"),
    )
    op.create_table(
        "reply",
        sa.Column("id", _ID, nullable=False),
        sa.Column("gateway", sa.String(length=30), nullable=False),
        sa.Column("provider_id", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.LargeBinary(length=32)),
        sa.Column("contact_id", _ID),
        sa.Column("organisation_id", _ID),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("is_unheeded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("happening", sa.String(length=16), nullable=False),
        sa.Column("sealed_text", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_reply_contact_id_contact"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_reply_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reply"),
        sa.UniqueConstraint("gateway", "provider_id", name="uq_reply_gateway_provider_id"),
    )
    op.create_index("ix_reply_contact_id", "reply", ["contact_id"])
    op.create_index(
        "ix_reply_hold_of_stranger",
        "reply",
        ["organisation_id"],
        sqlite_where=sa.text("kind = 'hold' AND contact_id IS NULL"),
        postgresql_where=sa.text("kind = 'hold' AND contact_id IS NULL"),
    )
    op.create_index("ix_reply_lookup", "reply", ["lookup"])
    op.create_index("ix_reply_organisation_id", "reply", ["organisation_id"])
    op.create_index(
        "ix_reply_unheeded",
        "reply",
        ["organisation_id", "received_at"],
        sqlite_where=sa.text("is_unheeded"),
        postgresql_where=sa.text("is_unheeded"),
    )
    op.create_table(
        "unknown_stop",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID),
        sa.Column("sender_id", _ID),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("said_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_unknown_stop_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["sender_id"], ["sender.id"], name="fk_unknown_stop_sender_id_sender"),
        sa.PrimaryKeyConstraint("id", name="pk_unknown_stop"),
    )
    op.create_index("ix_unknown_stop_said_at", "unknown_stop", ["said_at"])
    op.create_table(
        "triage",
        sa.Column("reply_id", _ID, nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("came_to", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.String(length=10), nullable=False),
        sa.Column("assigned_at", _TIME),
        sa.ForeignKeyConstraint(["reply_id"], ["reply.id"], name="fk_triage_reply_id_reply"),
        sa.PrimaryKeyConstraint("reply_id", name="pk_triage"),
    )
    op.create_index(
        "ix_triage_unassigned",
        "triage",
        ["reply_id"],
        sqlite_where=sa.text("assigned_at IS NULL"),
        postgresql_where=sa.text("assigned_at IS NULL"),
    )


def _make_tables_of_reach() -> None:
    op.create_table(
        "people_count",
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("scope_id", _ID, nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("counted_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("scope", "scope_id", "period", name="pk_people_count"),
    )
    op.create_table(
        "people_reach",
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("scope_id", _ID, nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("measure", sa.String(length=10), nullable=False),
        sa.Column("part", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "scope_id", "period", "measure", "part", "key", name="pk_people_reach"),
    )
    op.create_table(
        "reach_check",
        sa.Column("id", _ID, nullable=False),
        sa.Column("checked_at", _TIME, nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("moved", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("drift", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reach_check"),
    )
    op.create_table(
        "column_names",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_column_names_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_column_names"),
        sa.UniqueConstraint("organisation_id", "source", name="uq_column_names_organisation_id_source"),
    )
    op.create_table(
        "joint_partner",
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("joined_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_joint_partner_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("organisation_id", name="pk_joint_partner"),
    )
    op.create_table(
        "release",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("scope_id", _ID, nullable=False),
        sa.Column("view", sa.String(length=10), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=400), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("made_by_id", _ID),
        sa.ForeignKeyConstraint(["made_by_id"], ["member.id"], name="fk_release_made_by_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_release_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_release"),
        sa.UniqueConstraint(
            "scope",
            "scope_id",
            "view",
            "period",
            "revision",
            name="uq_release_scope_scope_id_view_period_revision",
        ),
    )
    op.create_index("ix_release_organisation_id", "release", ["organisation_id"])
    op.create_table(
        "report_reader",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("lookup", sa.LargeBinary(length=32), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("every", sa.String(length=10), nullable=False),
        sa.Column("created_by_id", _ID, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("removed_at", _TIME),
        sa.ForeignKeyConstraint(["created_by_id"], ["member.id"], name="fk_report_reader_created_by_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_report_reader_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_report_reader"),
        sa.UniqueConstraint("organisation_id", "lookup", name="uq_report_reader_organisation_id_lookup"),
    )
    op.create_table(
        "joint_request",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("organisation_ids", sa.JSON(), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("revision", sa.SmallInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("release_id", _ID),
        sa.Column("asked_by_id", _ID, nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["asked_by_id"], ["member.id"], name="fk_joint_request_asked_by_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_joint_request_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name="fk_joint_request_release_id_release"),
        sa.PrimaryKeyConstraint("id", name="pk_joint_request"),
    )
    op.create_index("ix_joint_request_organisation_id", "joint_request", ["organisation_id"])
    op.create_index(
        "uq_joint_request_waiting",
        "joint_request",
        ["period"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "release_file",
        sa.Column("release_id", _ID, nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name="fk_release_file_release_id_release"),
        sa.PrimaryKeyConstraint("release_id", "format", name="pk_release_file"),
    )
    op.create_table(
        "release_ledger",
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("year", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("release_id", _ID, nullable=False),
        sa.CheckConstraint("slot BETWEEN 1 AND 8", name=op.f("ck_release_ledger_slot")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_release_ledger_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.id"], name="fk_release_ledger_release_id_release"),
        sa.PrimaryKeyConstraint("organisation_id", "year", "slot", name="pk_release_ledger"),
    )
    op.create_index("ix_release_ledger_release_id", "release_ledger", ["release_id"])
    op.create_table(
        "report_mail",
        sa.Column("reader_id", _ID, nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["reader_id"], ["report_reader.id"], name="fk_report_mail_reader_id_report_reader"
        ),
        sa.PrimaryKeyConstraint("reader_id", "period", name="pk_report_mail"),
    )
    op.create_table(
        "link_day",
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("region_id", _ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("openings", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_link_day_campaign_id_campaign"),
        sa.PrimaryKeyConstraint("campaign_id", "region_id", "day", name="pk_link_day"),
    )
    op.create_table(
        "outcome",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("campaign_id", _ID, nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("region_id", _ID),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("partner", sa.String(length=200), nullable=False),
        sa.Column("way", sa.String(length=4), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("recurrent", sa.Boolean(), nullable=False),
        sa.Column("recorded_by_id", _ID),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.Column("withdrawn_at", _TIME),
        sa.CheckConstraint("people > 0", name=op.f("ck_outcome_people")),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_outcome_campaign_id_campaign"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_outcome_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["recorded_by_id"], ["member.id"], name="fk_outcome_recorded_by_id_member"),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name="fk_outcome_region_id_region"),
        sa.PrimaryKeyConstraint("id", name="pk_outcome"),
    )
    op.create_index("ix_outcome_campaign", "outcome", ["campaign_id", "day"])
    op.create_index("ix_outcome_organisation_id", "outcome", ["organisation_id"])
    op.create_table(
        "reach_file",
        sa.Column("id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("campaign_id", _ID),
        sa.Column("member_id", _ID),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("exported_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("decided_at", _TIME),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_reach_file_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_reach_file_member_id_member"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_reach_file_organisation_id_organisation"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reach_file"),
    )
    op.create_index("ix_reach_file_campaign_id", "reach_file", ["campaign_id"])
    op.create_index("ix_reach_file_digest", "reach_file", ["organisation_id", "digest"])
    op.create_table(
        "imported_reach",
        sa.Column("id", _ID, nullable=False),
        sa.Column("file_id", _ID, nullable=False),
        sa.Column("organisation_id", _ID, nullable=False),
        sa.Column("campaign_id", _ID),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("method", sa.String(length=24), nullable=False),
        sa.Column("step", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=300), nullable=False),
        sa.Column("region_id", _ID),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("people", _ID, nullable=False),
        sa.Column("targeted", _ID),
        sa.Column("impressions", _ID),
        sa.Column("link_clicks", _ID),
        sa.Column("spend", sa.Numeric(precision=14, scale=2)),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("recurrent", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_imported_reach_campaign_id_campaign"),
        sa.ForeignKeyConstraint(
            ["file_id"], ["reach_file.id"], name="fk_imported_reach_file_id_reach_file", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_imported_reach_organisation_id_organisation"
        ),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name="fk_imported_reach_region_id_region"),
        sa.PrimaryKeyConstraint("id", name="pk_imported_reach"),
    )
    op.create_index("ix_imported_reach_campaign", "imported_reach", ["organisation_id", "campaign_id"])
    op.create_index("ix_imported_reach_file_id", "imported_reach", ["file_id"])
    op.create_table(
        "run_count",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("counted_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_count_run_id_run"),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_count"),
    )
    op.create_table(
        "run_reach",
        sa.Column("run_id", _ID, nullable=False),
        sa.Column("region_id", _ID, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("rung", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_reach_run_id_run"),
        sa.PrimaryKeyConstraint(
            "run_id", "region_id", "channel", "language", "rung", "cause", name="pk_run_reach"
        ),
    )
