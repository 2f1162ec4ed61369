"""These tables hold which organisations are behind the pages for people, and who reviewed what those pages say."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId


class PublicProfile(Base):
    """An organisation whose directory and texts stand on pages for everybody, as far as it wants to be named."""

    __tablename__ = "public_profile"

    organisation_id: Mapped[int] = mapped_column(
        ForeignKey("organisation.id"), primary_key=True, autoincrement=False
    )
    is_open: Mapped[bool]
    #: What it is called there; empty: it does not give its name.
    shown_name: Mapped[str] = mapped_column(String(200))
    #: Whom people write to about these pages.
    contact: Mapped[str] = mapped_column(String(200))
    updated_at: Mapped[datetime]

    @property
    def id(self) -> int:
        """Id for the audit log: there is one row for an organisation."""
        return self.organisation_id


class PublicTextReview(Base):
    """A member's word on what the pages say in one language; rows are only ever added, and the last one counts."""

    __tablename__ = "public_text_review"
    __table_args__ = (Index("ix_public_text_review_language", "language", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    #: BCP 47.
    language: Mapped[str] = mapped_column(String(10))
    #: Digest of all that was read: later sentences have to be read again.
    digest: Mapped[str] = mapped_column(String(64))
    #: People may read it; False: a member found it wrong after all.
    is_fit: Mapped[bool]
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    reviewed_at: Mapped[datetime]
