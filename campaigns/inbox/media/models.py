"""A file that a person sent is kept beside their reply, sealed, until its conversation is closed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with
from campaigns.gateways.callbacks import MediaKind


class MediaState(StrEnum):
    """What became of a file."""

    #: The worker fetches it.
    WAITING = "waiting"
    KEPT = "kept"
    #: The provider had it no more, or never said where it is.
    GONE = "gone"
    TOO_LARGE = "too_large"
    #: Its bytes are no picture, sound or film that a browser shows.
    UNKNOWN = "unknown"
    #: Its conversation was closed, its time is over, or a data manager removed it.
    REMOVED = "removed"


class Media(Base):
    """One file of a reply; of what is not kept its kind, size and hash stay with the reply."""

    __tablename__ = "media"
    __table_args__ = (
        UniqueConstraint("reply_id", "number"),
        Index("ix_media_due", "due_at", **rows_with("due_at IS NOT NULL")),
        Index("ix_media_locked", "reply_id", **rows_with("locked_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: None: the reply was erased, and only the provider may still have the file.
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("reply.id"))
    #: Its place among the files of the reply, from 0.
    number: Mapped[int] = mapped_column(SmallInteger)
    kind: Mapped[MediaKind] = mapped_column(String(10))
    state: Mapped[MediaState] = mapped_column(String(10))
    #: Gateway, channel and account over which it came.
    gateway: Mapped[str] = mapped_column(String(30))
    channel: Mapped[str] = mapped_column(String(10))
    account: Mapped[str] = mapped_column(String(64))
    #: Where the provider has it, sealed for ("media", "sealed_source", id); None: there it is no more.
    sealed_source: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: When the worker does next what is to be done with it; None: nothing.
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    #: Type by its bytes; '' before they came.
    content_type: Mapped[str] = mapped_column(String(40), default="")
    #: Bytes, and the SHA-256 of them as they came.
    size: Mapped[int | None]
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    #: How long it plays, by the provider or its bytes; how many pixels it has.
    seconds: Mapped[int | None]
    pixels: Mapped[int | None] = mapped_column(BigInteger)
    #: Whether a member suspects a child or sexual content in it: then data managers alone see it.
    locked_at: Mapped[datetime | None]
    locked_by: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: What a member heard in it, sealed for ("media", "sealed_transcript", id).
    sealed_transcript: Mapped[bytes | None] = mapped_column(LargeBinary)
    transcribed_by: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: The file without what it tells of device and place, sealed for ("media", "sealed_content", id).
    sealed_content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
