"""Inbound messages are kept as they came from people, and sealed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.audience.models import Channel
from campaigns.core.database import Base, BigId, rows_with
from campaigns.gateways.callbacks import Happening

#: Longest text that is kept; no channel carries more.
LONGEST_TEXT = 16_000
#: Stands where a channel does, for what came by a page for people: nobody is written to there.
WEB = "web"


class ReplyKind(StrEnum):
    """What a reply turned out to be: what audience/keywords.py hears in it, or more."""

    STOP = "stop"
    #: May be a stop: a member decides.
    HOLD = "hold"
    START = "start"
    HELP = "help"
    INFO = "info"
    #: Wrote where they are now.
    MOVED = "moved"
    YES = "yes"
    #: Chose what a machine of ours had asked.
    CHOICE = "choice"
    #: Joined by a way to join.
    JOIN = "join"
    #: Shared a location; only its cell is kept, with the contact.
    LOCATION = "location"
    TEXT = "text"


class Reply(Base):
    """What a person did at one of our senders, mostly a message; stored before the provider gets its answer."""

    __tablename__ = "reply"
    __table_args__ = (
        UniqueConstraint("gateway", "provider_id"),
        Index(
            "ix_reply_hold_of_stranger",
            "organisation_id",
            sqlite_where=text("kind = 'hold' AND contact_id IS NULL"),
            postgresql_where=text("kind = 'hold' AND contact_id IS NULL"),
        ),
        # Both: SQLite knows nothing of how many there are, and went through all of an organisation.
        Index("ix_reply_contact", "contact_id", "organisation_id"),
        Index("ix_reply_unheeded", "organisation_id", "received_at", **rows_with("is_unheeded")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gateway: Mapped[str] = mapped_column(String(30))
    #: The provider's id; a repeated webhook is recognised by it.
    provider_id: Mapped[str] = mapped_column(String(64))
    #: A Channel, or WEB.
    channel: Mapped[str] = mapped_column(String(10))
    #: Keyed hash of the sender's handle; of nobody's where there is none.
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), index=True)
    #: Whose phone it came from, as in Address.number; None in rows of an earlier version.
    number: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    #: None when the handle is no contact's.
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contact.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: The sender that it came to; None for one that we do not know, and in rows of an earlier version.
    sender_id: Mapped[int | None] = mapped_column(ForeignKey("sender.id"))
    kind: Mapped[ReplyKind] = mapped_column(String(10))
    #: Asks for messages again and lifted nothing: nothing proves it, or nobody knows whom it was said to.
    is_unheeded: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: What the person did, whatever it asked.
    happening: Mapped[Happening] = mapped_column(String(16), default=Happening.WROTE)
    #: The text, sealed for ("reply", "sealed_text", id).
    sealed_text: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]


class TriageReason(StrEnum):
    """Why nobody could tell whose a reply is."""

    #: The number, or the account it belongs to, is of several organisations.
    SEVERAL = "several"
    #: It is of none.
    NOBODY = "nobody"
    #: An earlier version kept it and did not say.
    EARLIER = "earlier"


class Triage(Base):
    """A reply that came to a number of several organisations or of none: whoever runs the instance assigns it."""

    __tablename__ = "triage"
    __table_args__ = (Index("ix_triage_unassigned", "reply_id", **rows_with("assigned_at IS NULL")),)

    reply_id: Mapped[int] = mapped_column(ForeignKey("reply.id"), primary_key=True)
    #: Account at the provider, and number or name of ours.
    account: Mapped[str] = mapped_column(String(64))
    came_to: Mapped[str] = mapped_column(String(60))
    #: The handle of the person, sealed for ("triage", "sealed_handle", reply_id) until somebody may answer them;
    #: None in rows of an earlier version.
    sealed_handle: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[TriageReason] = mapped_column(String(10))
    #: None: it waits.
    assigned_at: Mapped[datetime | None]


class InboundLook(Base):
    """How far the provider's own list of what people wrote to a sender has been read."""

    __tablename__ = "inbound_look"

    sender_id: Mapped[int] = mapped_column(ForeignKey("sender.id"), primary_key=True)
    #: What came to the provider by then was read and kept.
    through: Mapped[datetime]


class UnknownStop(Base):
    """A stop that found nobody we wrote to lately: whoever said it may get messages at another handle.

    The handle is not kept.
    """

    __tablename__ = "unknown_stop"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: Whose reply it was; None when nobody could tell.
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    #: The sender it came to; None for one that we do not know.
    sender_id: Mapped[int | None] = mapped_column(ForeignKey("sender.id"))
    channel: Mapped[Channel] = mapped_column(String(10))
    said_at: Mapped[datetime] = mapped_column(index=True)
