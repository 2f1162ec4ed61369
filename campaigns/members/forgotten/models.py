"""This table holds who is to get a link for a new password by mail, and what became of it, for some days."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with


class ResetLink(Base):
    """Somebody typed an address on a page, a member's or nobody's; a worker mails the link where it is one's.

    So the page does the same for every address. The database has a hash of the link, never the link.
    """

    __tablename__ = "reset_link"
    __table_args__ = (
        Index(
            "ix_reset_link_waiting",
            "id",
            **rows_with("settled_at IS NULL OR (done_at IS NOT NULL AND told_at IS NULL)"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: None: nobody has that address.
    member_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"), index=True)
    #: An administrator added the member just now.
    is_invitation: Mapped[bool] = mapped_column(default=False)
    asked_at: Mapped[datetime] = mapped_column(index=True)
    #: SHA-256 of the token of the link that was mailed last: 256 random bits need no slow hash.
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime | None]
    #: Mails that were tried.
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    #: No worker tries a mail before; whoever tries one says how long the others leave it alone. None: at once.
    try_after: Mapped[datetime | None]
    #: When a mail was taken, or nothing more was tried.
    settled_at: Mapped[datetime | None]
    #: When a password was chosen by the link; and when it became the member's.
    used_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    #: When the member was told by mail that the password changed.
    told_at: Mapped[datetime | None]
