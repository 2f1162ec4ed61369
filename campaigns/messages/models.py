"""Messages with their translations, and the directory of services people are signposted to."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint, false
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.core.database import Base, BigId


class Message(Base):
    """Multilingual content with a base language; every text change raises its version."""

    __tablename__ = "message"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    #: Theme code of the field vocabulary ("docs_keep").
    theme: Mapped[str] = mapped_column(String(40))
    base_language: Mapped[str] = mapped_column(String(10))
    version: Mapped[int] = mapped_column(default=1)
    #: Other organisations of the instance may read its reviewed texts and copy them.
    is_shared: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The partner's message, and its version, that this one was copied from; None: written here.
    copied_from_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    copied_from_version: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    translations: Mapped[list[Translation]] = relationship(
        back_populates="message", order_by="Translation.id", cascade="all, delete-orphan"
    )


class TranslationState(StrEnum):
    """How far a translation is trusted; `stale` is derived: its source digest is not the base text's."""

    DRAFT = "draft"
    TRANSLATED = "translated"
    REVIEWED = "reviewed"
    STALE = "stale"


class Translation(Base):
    """A message's text in one language, with who wrote and who reviewed it."""

    __tablename__ = "translation"
    __table_args__ = (
        UniqueConstraint("message_id", "language"),
        CheckConstraint("reviewer_id <> translator_id", name="reviewed_by_another"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(String(10))
    #: NFC text with placeholders.
    text: Mapped[str]
    #: Other words for single channels: {"sms": "…"}; channels without any get `text`.
    wordings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default=sql("'{}'"))
    #: What the text says, put back into the base language for reviewers; never sent.
    back_translation: Mapped[str] = mapped_column(default="", server_default="")
    #: Digest of the text that was put back; None: nothing was.
    back_digest: Mapped[str | None] = mapped_column(String(64))
    #: Digest (texts.digest_of_wordings) of the base text it was made from (its own text, for the base language).
    source_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[TranslationState] = mapped_column(String(12))
    translator_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reviewed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    message: Mapped[Message] = relationship(back_populates="translations")
    writers: Mapped[list[TranslationWriter]] = relationship(cascade="all, delete-orphan")


class TranslationWriter(Base):
    """A member who wrote words of a text at any time, by hand or by file: they never review or approve it."""

    __tablename__ = "translation_writer"

    translation_id: Mapped[int] = mapped_column(ForeignKey("translation.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)


class Origin(StrEnum):
    """How a version of a message came about."""

    WRITTEN = "written"
    FILE = "file"
    COPIED = "copied"


class MessageVersion(Base):
    """All texts of a message as they stood at one version; rows are only ever added."""

    __tablename__ = "message_version"

    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    #: By language, whatever their state was: {"en": "…"}.
    texts: Mapped[dict[str, Any]]
    #: By language and channel, where a channel has other words: {"en": {"sms": "…"}}.
    wordings: Mapped[dict[str, Any]]
    #: An Origin.
    origin: Mapped[Origin] = mapped_column(String(10))
    #: Who changed it; None in versions older than this table.
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    made_at: Mapped[datetime]


class GlossaryTerm(Base):
    """How an organisation wants one term to be said in one other language."""

    __tablename__ = "glossary_term"
    __table_args__ = (UniqueConstraint("organisation_id", "source_language", "term", "language"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    source_language: Mapped[str] = mapped_column(String(10))
    #: As texts in the source language have it; "passport*" stands for every word that begins so.
    term: Mapped[str] = mapped_column(String(100))
    language: Mapped[str] = mapped_column(String(10))
    #: Wordings that will do, parted by "/", each possibly with "*".
    wording: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(String(200), default="")
    updated_at: Mapped[datetime]


class Withdrawal(Base):
    """One version of a message that turned out wrong: it is sent no more, and pages that held it say so."""

    __tablename__ = "withdrawal"

    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    reason: Mapped[str] = mapped_column(String(300), default="")
    withdrawn_at: Mapped[datetime]


class ServiceKind(StrEnum):
    """What kind of help a service gives; a signpost never swaps one for another."""

    TRAFFICKING = "trafficking"
    EMERGENCY = "emergency"
    LABOUR = "labour"
    CONSULAR = "consular"
    CHILD = "child"
    VIOLENCE = "violence"
    VICTIMS = "victims"
    INFORMATION = "information"
    SHELTER = "shelter"
    LEGAL = "legal"
    OTHER = "other"


class OperatorType(StrEnum):
    """Who answers: a government line may expose somebody without papers."""

    NGO = "ngo"
    IGO = "igo"
    CONSULATE = "consulate"
    GOVERNMENT = "government"
    POLICE = "police"
    UNKNOWN = "unknown"


class ForeignSim(StrEnum):
    """Whether a roaming SIM can dial a service's national number."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


#: `Service.country` of numbers that work in every member state of the European Union.
EUROPEAN_UNION = "EU"
#: Among `Service.languages`: every other language too, through an interpreter (ISO 639-2: multiple languages).
INTERPRETED = "mul"
#: `Service.source_status` of a row that names a source; any other wording cannot be verified.
SOURCED = "sourced"
#: `Service.verified_how` of a demo; no member of a live instance may say so.
SIMULATED = "simulated"
#: How it is known that a service is wrong when a member says so who changes it.
AS_STATED = "as stated"


class Service(Base):
    """Where help is: a helpline, shelter or office, usable only while its verification is fresh."""

    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("organisation_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    key: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    #: A ServiceKind.
    kind: Mapped[str] = mapped_column(String(30))
    #: Alpha-2, or "EU" for numbers that work in every member state.
    country: Mapped[str] = mapped_column(String(2), index=True)
    #: ISO 3166-2 codes it covers; empty means the whole country.
    region_codes: Mapped[list[str]]
    number_national: Mapped[str | None] = mapped_column(String(60))
    number_from_abroad: Mapped[str | None] = mapped_column(String(60))
    #: Further numbers of the same line, shown to members only.
    other_numbers: Mapped[list[str]] = mapped_column(default=list)
    #: A ForeignSim.
    works_from_foreign_sim: Mapped[str] = mapped_column(String(10), default=ForeignSim.UNKNOWN)
    #: Language codes spoken; empty means not stated.
    languages: Mapped[list[str]]
    #: Days of the languages that are not spoken every day: {"ru": ["mon"]}.
    language_days: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: The source's wording on languages and hours, shown to members.
    languages_note: Mapped[str] = mapped_column(String(200), default="")
    hours_note: Mapped[str] = mapped_column(String(200), default="")
    #: {"mon": [["08:30", "16:30"]], …} in time_zone; {} means not stated; all days ["00:00", "24:00"] is 24/7.
    hours: Mapped[dict[str, Any]]
    time_zone: Mapped[str] = mapped_column(String(40))
    #: An OperatorType.
    operator_type: Mapped[str] = mapped_column(String(20), default=OperatorType.UNKNOWN)
    operator: Mapped[str] = mapped_column(String(200), default="")
    cost: Mapped[str] = mapped_column(String(100), default="")
    confidential: Mapped[bool | None]
    scope: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(300), default="")
    source_date: Mapped[str] = mapped_column(String(100), default="")
    #: The work list's judgement of its source; only SOURCED rows may be verified.
    source_status: Mapped[str] = mapped_column(String(100), default="")
    note: Mapped[str] = mapped_column(String(300), default="")
    verified_on: Mapped[date | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: "test call, local SIM" …; "simulated" in the demo.
    verified_how: Mapped[str | None] = mapped_column(String(100))
    #: Last day of a line that is known to end; never used after it.
    expires_on: Mapped[date | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CheckOutcome(StrEnum):
    """What came of trying a service."""

    ANSWERS = "answers"
    #: Nobody answered: it is not used until somebody does.
    SILENT = "silent"
    #: It is known to be closed for good.
    CLOSED = "closed"
    #: What is stated of it is not so: it is not used until somebody has tried what is right.
    WRONG = "wrong"


class ServiceCheck(Base):
    """One line of the append-only history of a service: who tried it, when, how, and what came of it."""

    __tablename__ = "service_check"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    service_id: Mapped[int] = mapped_column(ForeignKey("service.id"), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    checked_on: Mapped[date]
    #: As Service.verified_how.
    how: Mapped[str] = mapped_column(String(100))
    outcome: Mapped[CheckOutcome] = mapped_column(String(10))
    #: The numbers that were tried.
    numbers: Mapped[list[str]]
    recorded_at: Mapped[datetime]


class EmergencyNumber(Base):
    """The number for emergencies that a member has confirmed for a country; the latest row of a country counts."""

    __tablename__ = "emergency_number"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: Alpha-2.
    country: Mapped[str] = mapped_column(String(2))
    number: Mapped[str] = mapped_column(String(10))
    #: The document that states it, and its date: an emergency number is never tried by a call.
    document: Mapped[str] = mapped_column(String(300))
    document_date: Mapped[date]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    created_at: Mapped[datetime]
