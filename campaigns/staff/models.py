"""These tables hold organisations, members and roles, and the audit trail of what members did."""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core.database import Base, BigId


class Role(StrEnum):
    """What a member is trusted with in one organisation; roles add up (permissions.py says what each allows)."""

    VIEWER = "viewer"
    AUTHOR = "author"
    APPROVER = "approver"
    RESPONDER = "responder"
    STEWARD = "steward"
    ADMIN = "admin"


#: Roles that can hurt, or see who people are: giving one takes two administrators.
TRUSTED = frozenset({Role.APPROVER, Role.STEWARD, Role.ADMIN})


class Organisation(Base):
    """An organisation: everything staff see belongs to exactly one."""

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    slug: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    #: IANA zone in which members read times.
    time_zone: Mapped[str] = mapped_column(String(40), default="UTC")
    #: Countries ("PL") and regions ("UA-46") whose people it may write to, set by whoever runs the instance;
    #: None: everywhere.
    mandate: Mapped[list[str] | None] = mapped_column(JSON)
    #: Hosts ("help.example.org") that its counted links may lead to; two administrators change them.
    link_hosts: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    created_at: Mapped[datetime]


class Member(Base):
    """A staff account; what it may do is said by its memberships. Columns as the sign-in library wants them."""

    __tablename__ = "member"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    #: Argon2id hash, or None before the first password is set.
    password: Mapped[str | None] = mapped_column(String(255))
    #: The password was made by somebody else and must be changed at the first sign-in.
    password_is_temporary: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    #: Changes whenever every session of the member must end.
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    #: Interface language, or None to follow the browser.
    locale: Mapped[str | None] = mapped_column(String(10))
    #: Languages (BCP 47) that they read and write for people; empty: they have not said.
    languages: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    memberships: Mapped[list[Membership]] = relationship(back_populates="member", order_by="Membership.id")


class Membership(Base):
    """The roles of one member in one organisation."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("member_id", "organisation_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: Values of Role, sorted.
    roles: Mapped[list[str]]
    #: When a new approver may approve; None: at once. Whoever gave the role by a trick is noticed meanwhile.
    approves_from: Mapped[datetime | None]
    #: The member has put the list of first steps away.
    hides_first_steps: Mapped[bool] = mapped_column(default=False, server_default=false())
    member: Mapped[Member] = relationship(back_populates="memberships")
    organisation: Mapped[Organisation] = relationship()


def _never_used_before() -> int:
    # An id in turn would come again on SQLite, where the last row was removed; the ids that stand for phones in
    # deliveries (member_phones.py) leave room for half of what a column holds.
    return 1 + secrets.randbelow(2**62)


class MemberPhone(Base):
    """The phone of a member's own, to which test messages go once they proved by a code that it is theirs.

    Another number is another row: what was queued for the one before finds it no more.
    """

    __tablename__ = "member_phone"

    #: Made at random, and so never that of a phone that was removed.
    id: Mapped[int] = mapped_column(BigId, primary_key=True, default=_never_used_before)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), unique=True)
    #: E.164, sealed for SEALED_NUMBER and the id; no page shows it whole.
    sealed_number: Mapped[bytes] = mapped_column(LargeBinary)
    #: Vault.number_hash, by which a stop from this phone is found.
    number: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: Country that issued the number (alpha-2).
    country: Mapped[str | None] = mapped_column(String(2))
    #: Keyed hash of the code that proves it; None: it was proved, or the code is used up.
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    code_made_at: Mapped[datetime]
    #: Codes that were typed for it.
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    proved_at: Mapped[datetime | None]


#: What the number of a member's phone is sealed for; it stays so under whatever name the column once has.
SEALED_NUMBER = {"table": "member_phone", "column": "sealed_number"}


class ApiToken(Base):
    """What lets a partner's program ask in the name of an organisation; only its hash is kept."""

    __tablename__ = "api_token"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: Whose program it is, in the words of who made it.
    name: Mapped[str] = mapped_column(String(100))
    #: SHA-256 of the token, hexadecimal: 256 random bits need no slow hash.
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    #: Values of ApiScope (tokens.py), sorted.
    scopes: Mapped[list[str]]
    created_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LeakyBucket(Base):
    """How much of a limit is used up: each attempt pours in, and all of it leaks away in the limit's window."""

    __tablename__ = "leaky_bucket"

    #: Keyed hash of what is limited, such as the attempts of one network at one account (attempt_limits.py).
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: When nothing is left in it, if nobody pours in more.
    empty_at: Mapped[datetime] = mapped_column(index=True)


class RecurringEvent(Base):
    """Something that strangers or programs can make happen without end; the audit trail is told once an hour."""

    __tablename__ = "recurring_event"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: SHA-256 over the columns from `action` to `what`: some are None, which no unique constraint compares.
    key: Mapped[str] = mapped_column(String(64), unique=True)
    #: As the audit entry has them.
    action: Mapped[str] = mapped_column(String(60))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(BigId)
    organisation_id: Mapped[int | None] = mapped_column(BigId)
    member_id: Mapped[int | None] = mapped_column(BigId)
    #: The name of a page or of an operation, or "".
    what: Mapped[str] = mapped_column(String(80))
    #: How often it happened since the audit trail was told last, at `told_at`.
    untold: Mapped[int] = mapped_column(default=0)
    told_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Base):
    """One state-changing act, chained by hash to the one before; rows are only ever added."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_subject", "subject_type", "subject_id"),
        # The first page asks for single acts of the last days.
        Index("ix_audit_entry_act", "organisation_id", "action", "at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime]
    organisation_id: Mapped[int | None] = mapped_column(BigId, index=True)
    #: None when the system itself acted (a schedule fired, a person said stop).
    member_id: Mapped[int | None] = mapped_column(BigId)
    #: Verb and noun, for example "campaign.approve".
    action: Mapped[str] = mapped_column(String(60))
    subject_type: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int] = mapped_column(BigId)
    #: Ids, counts and names of settings; never an address or a text.
    detail: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditNote(Base):
    """The words in which a member said why: apart from the chain, which stays whole when they are erased."""

    __tablename__ = "audit_note"

    entry_id: Mapped[int] = mapped_column(ForeignKey("audit_entry.id"), primary_key=True)
    #: Sealed for ("audit_note", "sealed_words", entry_id).
    sealed_words: Mapped[bytes] = mapped_column(LargeBinary)
