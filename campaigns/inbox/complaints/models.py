"""A complaint about the organisation itself, and who reads such: never whom it is about."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId


class Doubt(StrEnum):
    """Why a reader says that something is no complaint about the organisation; the list is closed."""

    #: It was marked by mistake.
    MISTAKE = "mistake"
    #: They complain about somebody else.
    OTHERS = "others"
    #: They ask for something, and complain of nothing.
    REQUEST = "request"


class Complaint(Base):
    """A conversation that complains about those who answered it; from then on others read it."""

    __tablename__ = "complaint"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), unique=True)
    #: About whom it is.
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: Whose members read it; None: whoever runs the instance gives it to somebody.
    receiver_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: The member of the organisation who was chosen for this one; None: those whom the setting names.
    reader_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: Who had the conversation when it was marked: never a reader of it.
    about_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: None: the person said so themselves.
    marked_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    #: Whoever answered until then is never a reader of it.
    marked_at: Mapped[datetime]
    #: Why a reader says that it is none, who and when; another reader has to agree. None: nobody says so.
    doubt: Mapped[Doubt | None] = mapped_column(String(12))
    doubted_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    doubted_at: Mapped[datetime | None]


class ComplaintReader(Base):
    """A member whom their organisation names to read complaints about it."""

    __tablename__ = "complaint_reader"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)


class ComplaintReceiver(Base):
    """Another organisation of the instance that reads complaints about one, in place of its own members."""

    __tablename__ = "complaint_receiver"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    receiver_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
