"""A case that one organisation offers to another: what it tells of it, and what becomes of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with


class OfferState(StrEnum):
    """Where an offer stands; the first two are open, and a conversation has one of them at most."""

    OFFERED = "offered"
    #: The receiver acts on it.
    ACCEPTED = "accepted"
    DECLINED = "declined"
    #: Nobody of the receiver decided in time.
    LAPSED = "lapsed"
    #: Whoever offered it took it back.
    TAKEN_BACK = "taken_back"


#: In SQL: the receiver acts on it, or may.
IS_OPEN = "state IN ('offered', 'accepted')"


class HandOver(Base):
    """One offer of one conversation to one organisation; it goes with the conversation when that is erased.

    The receiver sees what stands here and nothing else: no number, no name, no word that the person wrote.
    """

    __tablename__ = "hand_over"
    __table_args__ = (
        Index("ix_hand_over_code", "receiver_id", "code", unique=True),
        Index("ix_hand_over_offered", "organisation_id", "id"),
        # One offer at a time: whoever is told of two receivers is helped by none.
        Index(
            "uq_hand_over_open", "conversation_id", unique=True, **rows_with("state IN ('offered', 'accepted')")
        ),
        Index("ix_hand_over_due", "due_at", **rows_with("state = 'offered'")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    receiver_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    state: Mapped[OfferState] = mapped_column(String(10))
    #: What the person quotes to the receiver: six digits.
    code: Mapped[str] = mapped_column(String(6))
    #: An Urgency.
    urgency: Mapped[int] = mapped_column(SmallInteger)
    #: What was ticked: BCP 47 code, code of the region, headings of the word lists; None or [] where it was not.
    language: Mapped[str | None] = mapped_column(String(10))
    region_code: Mapped[str | None] = mapped_column(String(10))
    topics: Mapped[list[str]] = mapped_column(JSON, default=list, server_default=text("'[]'"))
    #: What the member wrote for the receiver, sealed for ("hand_over", "sealed_summary", id).
    sealed_summary: Mapped[bytes] = mapped_column(LargeBinary)
    #: What the person said when they were asked, sealed for ("hand_over", "sealed_consent", id).
    sealed_consent: Mapped[bytes] = mapped_column(LargeBinary)
    offered_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    offered_at: Mapped[datetime]
    #: Until when the receiver decides.
    due_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    decided_at: Mapped[datetime | None]
    #: Why it was declined, sealed for ("hand_over", "sealed_reason", id).
    sealed_reason: Mapped[bytes | None] = mapped_column(LargeBinary)
    #: When the receiver confirmed that the person came, and that they were helped.
    came_at: Mapped[datetime | None]
    helped_at: Mapped[datetime | None]


class ExportKey(Base):
    """The public key to which whatever an organisation exports of a hand-over is encrypted."""

    __tablename__ = "export_key"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), unique=True)
    #: As `age` writes it: "age1…".
    recipient: Mapped[str] = mapped_column(String(80))
    #: A word, encrypted to the key and to nobody else; whoever can read it has the other half.
    encrypted_word: Mapped[str] = mapped_column(String(1000))
    #: Keyed hash of that word.
    word_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    added_by_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    added_at: Mapped[datetime]
    #: Who told the word, and when; None: nobody yet, and nothing is encrypted to it.
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    confirmed_at: Mapped[datetime | None]
