"""These tables hold messages with their translations and versions, the glossary, and what was withdrawn."""

from __future__ import annotations

from datetime import datetime
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
    #: The message of a partner or one's own, and its version, that this one was copied from; None: written here.
    copied_from_id: Mapped[int | None] = mapped_column(ForeignKey("message.id"))
    copied_from_version: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    translations: Mapped[list[Translation]] = relationship(
        back_populates="message", order_by="Translation.id", cascade="all, delete-orphan"
    )


class TranslationState(StrEnum):
    """How far a translation is trusted; `stale` is derived: its source digest is not the source text's."""

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
    #: Digest (texts.digest_of_wordings) of the source text it was made from (its own text, for the base language).
    source_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[TranslationState] = mapped_column(String(12))
    translator_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    reviewed_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    message: Mapped[Message] = relationship(back_populates="translations")
    writers: Mapped[list[TranslationWriter]] = relationship(cascade="all, delete-orphan")
    #: Why a reviewer returned it; None: nobody did, or it says something else since, or it was reviewed.
    returned: Mapped[ReturnedText | None] = relationship(cascade="all, delete-orphan")


class TranslationWriter(Base):
    """A member who wrote words of a text at any time, by hand or by file: they never review or approve it."""

    __tablename__ = "translation_writer"

    translation_id: Mapped[int] = mapped_column(ForeignKey("translation.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)


class ReturnedText(Base):
    """What a reviewer said who returned a text to its authors; other words or a review end it."""

    __tablename__ = "returned_text"

    translation_id: Mapped[int] = mapped_column(ForeignKey("translation.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    comment: Mapped[str] = mapped_column(String(500))
    returned_at: Mapped[datetime]


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
