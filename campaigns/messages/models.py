"""Messages with their translations, and the directory of services people are signposted to."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
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
    __table_args__ = (UniqueConstraint("message_id", "language"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id", ondelete="CASCADE"))
    language: Mapped[str] = mapped_column(String(10))
    #: NFC text with placeholders.
    text: Mapped[str]
    #: SHA-256 of the base text it was made from (its own text, for the base language).
    source_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[TranslationState] = mapped_column(String(12))
    translator_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reviewed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    message: Mapped[Message] = relationship(back_populates="translations")


class Service(Base):
    """Where help is: a helpline, shelter or office, usable only while its verification is fresh."""

    __tablename__ = "service"
    __table_args__ = (UniqueConstraint("organisation_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    key: Mapped[str] = mapped_column(String(80))
    name: Mapped[str] = mapped_column(String(200))
    #: "trafficking", "emergency", "labour", "consular", "child", "information"; a signpost never swaps kinds.
    kind: Mapped[str] = mapped_column(String(30))
    #: Alpha-2, or "EU" for numbers that work in every member state.
    country: Mapped[str] = mapped_column(String(2), index=True)
    #: ISO 3166-2 codes it covers; empty means the whole country.
    region_codes: Mapped[list[str]]
    number_national: Mapped[str | None] = mapped_column(String(60))
    number_from_abroad: Mapped[str | None] = mapped_column(String(60))
    #: "yes", "no", "unknown": whether a roaming SIM can dial the national number.
    works_from_foreign_sim: Mapped[str] = mapped_column(String(10), default="unknown")
    #: Language codes spoken; empty means not stated.
    languages: Mapped[list[str]]
    #: The source's wording on languages and hours, shown to members.
    languages_note: Mapped[str] = mapped_column(String(200), default="")
    hours_note: Mapped[str] = mapped_column(String(200), default="")
    #: {"mon": [["08:30", "16:30"]], …} in time_zone; {} means not stated; all days ["00:00", "24:00"] is 24/7.
    hours: Mapped[dict[str, Any]]
    time_zone: Mapped[str] = mapped_column(String(40))
    #: "ngo", "igo", "government", "police", "consulate", "unknown".
    operator_type: Mapped[str] = mapped_column(String(20), default="unknown")
    operator: Mapped[str] = mapped_column(String(200), default="")
    cost: Mapped[str] = mapped_column(String(100), default="")
    confidential: Mapped[bool | None]
    scope: Mapped[str] = mapped_column(String(200), default="")
    source: Mapped[str] = mapped_column(String(300), default="")
    source_date: Mapped[str] = mapped_column(String(100), default="")
    #: The work list's judgement of its source; only "sourced" rows may be verified.
    source_status: Mapped[str] = mapped_column(String(100), default="")
    note: Mapped[str] = mapped_column(String(300), default="")
    verified_on: Mapped[date | None]
    verified_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: "test call, local SIM" …; "simulated" in the demo.
    verified_how: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
