"""This table holds who asked for a code to end the messages to a number, by keyed hashes, for some days."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with


class LeaveRequest(Base):
    """A number was typed on a page, anybody's or nobody's; a worker sends it a code where it is one of ours.

    So the page does the same, and takes as long, for every number.
    """

    __tablename__ = "leave_request"
    __table_args__ = (
        Index("ix_leave_request_number", "number", "sent_at"),
        Index("ix_leave_request_prefix", "prefix", "sent_at"),
        Index("ix_leave_request_waiting", "id", **rows_with("settled_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: Vault.lookup_hash of what the form of the code carries.
    ticket: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    #: As in Address.number; of what is no number, a hash of no use.
    number: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: Vault.lookup_hash of its first digits, which neighbours share.
    prefix: Mapped[bytes] = mapped_column(LargeBinary(32))
    #: Of the page.
    language: Mapped[str] = mapped_column(String(10))
    asked_at: Mapped[datetime]
    #: When a worker decided whether a code is sent.
    settled_at: Mapped[datetime | None]
    #: When it was sent, by whom, by which run, and what that cost at most, in cents of a dollar; None: it was not.
    sent_at: Mapped[datetime | None]
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisation.id"))
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    cents: Mapped[int] = mapped_column(default=0)
    #: Wrong codes that were typed.
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    completed_at: Mapped[datetime | None]
