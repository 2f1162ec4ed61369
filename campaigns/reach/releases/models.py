"""These tables hold releases, their files and the ledger, never changed, and who takes part in joint ones."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with
from campaigns.core.sentences import Sentence
from campaigns.proposals.models import ProposalState


class View(StrEnum):
    """What the figures of a release are told apart by; below country level by nothing but the region."""

    REGIONS = "regions"
    CHANNELS = "channels"
    LANGUAGES = "languages"
    #: What people write about, by country; every organisation of the instance may read it.
    THEMES = "themes"


class ScopeKind(StrEnum):
    """Whose people a release counts."""

    ORGANISATION = "organisation"
    CAMPAIGN = "campaign"
    #: Every organisation of the instance that takes part, each person once.
    JOINT = "joint"


class Every(StrEnum):
    """How often a reader gets a mail: after each month or each quarter has closed."""

    MONTH = "month"
    QUARTER = "quarter"


class MailState(StrEnum):
    """Where a mail of a report stands."""

    SENDING = "sending"
    SENT = "sent"
    #: Refused for good, or too often.
    FAILED = "failed"


#: Slots of a calendar year in the ledger of an organisation; each pays for one release.
SLOTS = 8


class Release(Base):
    """One frozen publication of reach; every page, file and answer is made from its bytes."""

    __tablename__ = "release"
    __table_args__ = (UniqueConstraint("scope", "scope_id", "view", "period", "revision"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: Whose steward made it; who paid for it (release_ledger) may read it.
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    scope: Mapped[ScopeKind] = mapped_column(String(12))
    #: Id of the organisation or campaign; 0 for a joint one.
    scope_id: Mapped[int] = mapped_column(BigId)
    view: Mapped[View] = mapped_column(String(10))
    #: "2026-03", "2026-Q1", or "campaign".
    period: Mapped[str] = mapped_column(String(10))
    #: From 1; a correction is a further one.
    revision: Mapped[int] = mapped_column(SmallInteger)
    #: The canonical bytes (document.py) and their SHA-256, hexadecimal.
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    #: What lists show of the body.
    title: Mapped[str] = mapped_column(String(400))
    total: Mapped[int]
    made_at: Mapped[datetime]
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))


class ReleaseFile(Base):
    """A release in one format, written when it was frozen: a newer library must not change a byte."""

    __tablename__ = "release_file"

    release_id: Mapped[int] = mapped_column(ForeignKey("release.id"), primary_key=True)
    #: A Format of files.py.
    format: Mapped[str] = mapped_column(String(10), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class LedgerEntry(Base):
    """What one release cost one organisation in one calendar year: one of its SLOTS.

    The keys make a ninth entry impossible, whoever writes it.
    """

    __tablename__ = "release_ledger"
    __table_args__ = (CheckConstraint(f"slot BETWEEN 1 AND {SLOTS}", name="slot"),)

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    #: Year of what was counted, not of the day it was released.
    year: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    release_id: Mapped[int] = mapped_column(ForeignKey("release.id"), index=True)


class JointPartner(Base):
    """An organisation whose people are counted in joint releases, and whose ledger pays for them too."""

    __tablename__ = "joint_partner"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    joined_at: Mapped[datetime]


class JointRequest(Base):
    """A joint release that one organisation asks the others for: made when each of them has agreed to it.

    What each has to agree to is a proposal of its own (joint.py).
    """

    __tablename__ = "joint_request"
    __table_args__ = (
        # A quarter is asked for once at a time, whoever asks.
        Index(
            "uq_joint_request_waiting",
            "period",
            unique=True,
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: Whose steward asks; that is the agreement of this organisation.
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: Ids of all organisations whose people are counted and whose ledgers pay, sorted.
    organisation_ids: Mapped[list[int]] = mapped_column(JSON)
    #: "2026-Q1", and which revision of it this is.
    period: Mapped[str] = mapped_column(String(10))
    revision: Mapped[int] = mapped_column(SmallInteger)
    #: What a correction corrects; readers see it.
    reason: Mapped[str] = mapped_column(String(500))
    #: What became of it, in the words of proposals; AGREED: it is made.
    state: Mapped[ProposalState] = mapped_column(String(10), default=ProposalState.WAITING)
    release_id: Mapped[int | None] = mapped_column(ForeignKey("release.id"))
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    asked_at: Mapped[datetime]


class AskedRelease(Base):
    """A release that waits until a worker has counted its people, and what became of it."""

    __tablename__ = "asked_release"
    __table_args__ = (Index("ix_asked_release_due", "due_at", **rows_with("due_at IS NOT NULL")),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: Whose steward asked for it.
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: What they want, as `Wanted` of service.py has it.
    view: Mapped[View] = mapped_column(String(10))
    scope: Mapped[ScopeKind] = mapped_column(String(12))
    period: Mapped[str] = mapped_column(String(10))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    #: The joint one to which everybody has agreed.
    joint_id: Mapped[int | None] = mapped_column(ForeignKey("joint_request.id"))
    #: What a correction corrects; readers see it.
    reason: Mapped[str] = mapped_column(String(500))
    #: In whose name it is made; of a joint one, who agreed last.
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    asked_at: Mapped[datetime]
    #: When a worker last took it.
    began_at: Mapped[datetime | None]
    #: When a worker may take it; while one counts, when it is taken for dead. None: it is over.
    due_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    #: Why it was not made, or the release.
    refusal: Mapped[Sentence | None]
    release_id: Mapped[int | None] = mapped_column(ForeignKey("release.id"))


class ReportReader(Base):
    """Somebody who gets a link to the newest releases by e-mail, on a schedule."""

    __tablename__ = "report_reader"
    __table_args__ = (UniqueConstraint("organisation_id", "lookup"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: The address, sealed for ("report_reader", "address", id), and Vault.lookup_hash("email", address).
    address: Mapped[bytes] = mapped_column(LargeBinary)
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: Interface language of the mail.
    language: Mapped[str] = mapped_column(String(10))
    every: Mapped[Every] = mapped_column(String(10))
    created_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    created_at: Mapped[datetime]
    #: Set when a steward removes them: their links open nothing any more.
    removed_at: Mapped[datetime | None]


class ReportMail(Base):
    """One mail to one reader about one period, noted before it is handed over: no restart sends it twice."""

    __tablename__ = "report_mail"

    reader_id: Mapped[int] = mapped_column(ForeignKey("report_reader.id"), primary_key=True)
    #: The month or quarter that had closed.
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    state: Mapped[MailState] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    changed_at: Mapped[datetime]


#: Tables whose rows stay as they were written.
FROZEN = ("release", "release_file", "release_ledger")


def freezing(dialect: str) -> list[str]:
    """Return the SQL that makes the database itself refuse to change or remove a frozen row."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_stays_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'a frozen {table} is never changed'); END"
            for table in FROZEN
            for act in ("UPDATE", "DELETE")
        ]
    refuse = (
        "CREATE OR REPLACE FUNCTION refuse_to_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'a frozen row is never changed'; END$$"
    )
    triggers = (
        f"CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION refuse_to_change()"
        for table in FROZEN
    )
    return [refuse, *triggers]


@event.listens_for(LedgerEntry.__table__, "after_create")
def _freeze(target: Any, connection: Any, **options: Any) -> None:
    """Let `metadata.create_all` make what the migration makes; the ledger's table is the last of the three."""
    for statement in freezing(connection.dialect.name):
        connection.exec_driver_sql(statement)
