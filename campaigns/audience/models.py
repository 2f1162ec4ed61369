"""These tables hold contacts, addresses, consent, erasures, audience rules, and contact files to be imported."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, deferred, mapped_column, relationship

from campaigns.core.database import Base, BigId, rows_with


class Channel(StrEnum):
    """What a contact sees a message arrive on."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    TELEGRAM = "telegram"


class GroupKind(StrEnum):
    """What the people of a group have in common."""

    PROGRAMME = "programme"
    PARTNER = "partner"
    COHORT = "cohort"


class AddressState(StrEnum):
    """Whether an address may be written to; ledger.py alone writes it, from ledger and provider."""

    PENDING = "pending"
    ACTIVE = "active"
    #: The person may have meant a stop: nothing is sent by itself until a member has decided.
    HELD = "held"
    OPTED_OUT = "opted_out"
    INVALID = "invalid"


class ConsentKind(StrEnum):
    """What a ledger row records."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    #: May be withdrawn: it waits for a member.
    HELD = "held"
    #: A member decided that it was no stop; what was granted before counts again.
    RELEASED = "released"
    #: A member lifted a stop, with evidence that the person wants it.
    LIFTED = "lifted"


#: Lines by which somebody refused to be written to, for certain or perhaps.
REFUSALS = (ConsentKind.WITHDRAWN, ConsentKind.HELD)


#: What people agree to: the one purpose today.
PURPOSE = "safety_messages"


class PositionSource(StrEnum):
    """How we know where a contact said they were."""

    ENTRY_POINT = "entry_point"
    SHARED = "shared"
    TOLD_US = "told_us"
    IMPORT = "import"


class Contact(Base):
    """A person we may write to: no name, no exact location."""

    __tablename__ = "contact"
    # Not on the cell: with that index both databases walk a million people in random order to plan a run; read in
    # the order of their ids and joined by hash, the same takes a tenth of the time.
    __table_args__ = (Index("ix_contact_organisation", "organisation_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: Written language, BCP 47 code of languages.csv; said by the person, never inferred.
    language: Mapped[str] = mapped_column(String(10))
    other_language: Mapped[str | None] = mapped_column(String(10))
    #: H3 cell (resolution 7) where the person last said they were; None when they said nothing.
    cell: Mapped[int | None] = mapped_column(BigInteger)
    #: Region and time zone of the cell, looked up once when the position is saved.
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    time_zone: Mapped[str | None] = mapped_column(String(40))
    position_source: Mapped[PositionSource | None] = mapped_column(String(12))
    position_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    #: Nothing but the id is left of them, by which deliveries are counted.
    erased_at: Mapped[datetime | None]
    #: They were asked whether to go on, and wrote nothing for long: since then no campaign writes to them.
    silent_since: Mapped[datetime | None]
    addresses: Mapped[list[Address]] = relationship(back_populates="contact", order_by="Address.rank")


class Address(Base):
    """One way to reach a contact; the handle is sealed and found again only by its keyed hash."""

    __tablename__ = "address"
    __table_args__ = (
        UniqueConstraint("organisation_id", "channel", "lookup"),
        UniqueConstraint("contact_id", "channel"),
        Index("ix_address_lookup", "lookup"),
        Index("ix_address_number", "number"),
        Index(
            "ix_address_is_shared",
            "contact_id",
            sqlite_where=text("is_shared = 1"),
            postgresql_where=text("is_shared"),
        ),
        Index(
            "ix_address_held",
            "organisation_id",
            sqlite_where=text("state = 'held'"),
            postgresql_where=text("state = 'held'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"))
    channel: Mapped[Channel] = mapped_column(String(10))
    #: The normalised handle (E.164 for SMS), sealed for ("address", "ciphertext", id).
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    #: Vault.lookup_hash(channel, handle).
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: handles.number_key: whose phone it is, the same on all channels of a number; `lookup` once more where the
    #: handle is no phone number. None in rows of an earlier version until numbering.fill_numbers has seen them.
    number: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    #: Whether another contact of the organisation has this number too, or its pair; person.py and pairs.py write
    #: it. Few have, so that a fan-out need not compare the numbers of all others.
    is_shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: Country the number was issued in (alpha-2); not where the person is.
    country: Mapped[str | None] = mapped_column(String(2))
    state: Mapped[AddressState] = mapped_column(String(10), default=AddressState.PENDING)
    #: Preference among a contact's addresses; the lowest comes first.
    rank: Mapped[int] = mapped_column(SmallInteger, default=0)
    #: When the person last wrote from it; WhatsApp lets free text through for 24 hours after.
    heard_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    contact: Mapped[Contact] = relationship(back_populates="addresses")


class Consent(Base):
    """One line of the append-only ledger: a person agreed to be written to, withdrew, or may have."""

    __tablename__ = "consent"
    __table_args__ = (Index("ix_consent_kind_recorded_at", "kind", "recorded_at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), index=True)
    address_id: Mapped[int] = mapped_column(ForeignKey("address.id"), index=True)
    channel: Mapped[Channel] = mapped_column(String(10))
    #: What they agreed to; one purpose today.
    purpose: Mapped[str] = mapped_column(String(30), default=PURPOSE)
    kind: Mapped[ConsentKind] = mapped_column(String(10))
    #: "form", "keyword", "import", "journal", "list", "provider", "telegram_start", "member".
    method: Mapped[str] = mapped_column(String(20))
    #: Version of the wording the person was shown, code of a provider, or reply it rests on; '' beside evidence.
    wording: Mapped[str] = mapped_column(String(200))
    #: The evidence that an import gave, or a member's reason or evidence, sealed for
    #: ("consent", "sealed_evidence", address_id): what is known of the line before it has an id.
    sealed_evidence: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: When the person said so, and when we wrote it down.
    given_at: Mapped[datetime]
    recorded_at: Mapped[datetime]


class ContactGroup(Base):
    """Contacts of an organisation whom a rule can mean by name."""

    __tablename__ = "contact_group"
    __table_args__ = (UniqueConstraint("organisation_id", "folded"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    kind: Mapped[GroupKind] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(100))
    #: The name in small letters, by which files name it; those of some are longer.
    folded: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class GroupedContact(Base):
    """A contact is in a group."""

    __tablename__ = "grouped_contact"

    group_id: Mapped[int] = mapped_column(ForeignKey("contact_group.id"), primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), primary_key=True, index=True)


class EntryPoint(Base):
    """A QR code, keyword or link at a place, through which people join."""

    __tablename__ = "entry_point"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: What the link or keyword carries, at most 64 of A-Z a-z 0-9 _ -; unique in the instance, since it names
    #: the organisation too.
    code: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    #: Where it hangs: people who join here are here. None: it says nothing of a place (any more).
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id", ondelete="SET NULL"))
    #: Language of those who join; None: the one their app says, else the organisation's.
    language: Mapped[str | None] = mapped_column(String(10))
    created_at: Mapped[datetime]
    #: Set when a member takes it down; it then lets nobody join.
    removed_at: Mapped[datetime | None]


class SuppressedAddress(Base):
    """Keyed hash of a person who said stop, or may have, a contact (still) or not: no import writes to them.

    Who said it from a phone has a row for each channel of the number, because a start lifts one of them.
    """

    __tablename__ = "suppressed_address"

    #: As in Address.number; as in Address.lookup in rows of an earlier version.
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    channel: Mapped[Channel] = mapped_column(String(10), primary_key=True)
    since: Mapped[datetime]
    #: It was no stop but may have been one: whoever is imported is on hold.
    is_hold: Mapped[bool] = mapped_column(default=False, server_default=false())


class UrgentContact(Base):
    """Somebody who may be in danger and speaks with the team: campaigns do not write to them meanwhile."""

    __tablename__ = "urgent_contact"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), primary_key=True)
    #: When either side wrote last.
    since: Mapped[datetime]


class AskedContact(Base):
    """Somebody silent who was asked whether to go on: once, until they are heard."""

    __tablename__ = "asked_contact"
    __table_args__ = (Index("ix_asked_contact_run", "run_id"), Index("ix_asked_contact_of", "organisation_id"))

    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: The run that asks them.
    run_id: Mapped[int] = mapped_column(BigId)
    #: When it was planned.
    asked_at: Mapped[datetime]


class Audience(Base):
    """A saved rule; rules.py turns it into a Select."""

    __tablename__ = "audience"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    #: AudienceRule.to_json() of rules.py.
    rule: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class KeptCount(Base):
    """What a count of people found, and whether somebody waits for a new one; it holds no ids of people."""

    __tablename__ = "kept_count"
    __table_args__ = (
        UniqueConstraint("organisation_id", "digest"),
        Index("ix_kept_count_due", "due_at", **rows_with("due_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: Of kind and question, as `kept/people_questions.py` has it.
    digest: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(20))
    #: What a worker needs to count it anew.
    question: Mapped[dict[str, Any]]
    #: The groups, each with its number of people last; None: it was never counted to the end.
    figures: Mapped[list[list[Any]] | None] = mapped_column(JSON(none_as_null=True))
    counted_at: Mapped[datetime | None]
    #: How long that and what was counted with it took, in milliseconds.
    took_ms: Mapped[int] = mapped_column(default=0)
    #: When a page last asked for it; one that finds it fresh enough asks for nothing.
    needed_at: Mapped[datetime]
    #: When a new count was asked for: by the first page that waits for it, or later, because many people changed.
    asked_at: Mapped[datetime]
    #: When the last count began.
    began_at: Mapped[datetime | None]
    #: When a worker may take it; while one counts, when it is taken for dead. None: nobody waits for a new count.
    due_at: Mapped[datetime | None]
    #: Parts that the count under way has gone through, and all that there are; both 0: it is in one piece.
    done: Mapped[int] = mapped_column(default=0)
    whole: Mapped[int] = mapped_column(default=0)


class ImportState(StrEnum):
    """Where a contact file stands, or a list of opt-outs."""

    #: A worker is to read and check it, or does so.
    READING = "reading"
    #: It could not be read, or is none.
    REFUSED = "refused"
    CHECKED = "checked"
    DONE = "done"
    CANCELLED = "cancelled"


class SmallLook(Base):
    """A member saw that an audience is small, once for each rule and day: many of them look for single people."""

    __tablename__ = "small_look"
    __table_args__ = (Index("ix_small_look_at", "organisation_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    at: Mapped[datetime]
    #: Of the rule, which is not kept itself.
    digest: Mapped[str] = mapped_column(String(64))


class ContactImport(Base):
    """A contact file between its dry run and the decision; the file is sealed and dropped once decided."""

    __tablename__ = "contact_import"
    __table_args__ = (
        Index(
            "ix_contact_import_confirmed", "id", **rows_with("confirmed_by_id IS NOT NULL AND state = 'checked'")
        ),
        Index("ix_contact_import_reading", "id", **rows_with("state = 'reading'")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: Of files of an earlier version until `fingerpost setup` has sealed it.
    file_name: Mapped[str] = mapped_column(String(200), default="")
    #: Name of the file and wrong rows by spreadsheet line, sealed for ("contact_import", "sealed_about", id).
    sealed_about: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[ImportState] = mapped_column(String(10))
    #: Text of the file sealed for ("contact_import", "sealed_file", id); None once decided.
    sealed_file: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))
    #: Who confirmed a list of opt-outs, or a file of many rows: from then on a worker does what it says.
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: The importer's report as JSON: counts, how the file is written, and whether it is a list of opt-outs.
    report: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]


class Erasure(Base):
    """A person who is being erased, for less than a day: what comes beside it, or after it, goes too."""

    __tablename__ = "erasure"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), primary_key=True, autoincrement=False)
    asked_at: Mapped[datetime]
    #: None: a message to them is on its way, and is waited for.
    erased_at: Mapped[datetime | None]
    #: By what receipts named their messages: late ones are removed as they come.
    references: Mapped[list[str]] = mapped_column(default=list)
    #: No receipt up to this one is theirs any more.
    receipts_through: Mapped[int] = mapped_column(BigId, default=0)
    #: What is left of their replies: while a provider may tell of one again, it has to be known.
    reply_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    #: When the pages of the database were cleaned of what was deleted.
    cleaned_at: Mapped[datetime | None]


class UncleanPages(Base):
    """Something of a person was deleted: a worker cleans the pages that held it, and this row goes.

    It says neither what it was nor when.
    """

    __tablename__ = "unclean_pages"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
