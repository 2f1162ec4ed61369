"""This table holds which texts went to members' own phones, for their limits and for what was spent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base


class TestText(Base):
    """A text to the phone of the member who asked for it; it is no campaign's, and never counts as reach."""

    __tablename__ = "test_text"
    __table_args__ = (
        Index("ix_test_text_member_id", "member_id", "asked_at"),
        Index("ix_test_text_organisation_id", "organisation_id", "asked_at"),
    )
    #: For a runner of tests: its name says Test.
    __test__ = False

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    #: Who pays for it.
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: Of the text.
    language: Mapped[str] = mapped_column(String(10))
    #: It is the code that proves the phone.
    is_code: Mapped[bool] = mapped_column(default=False)
    #: What it costs at most, in cents of a dollar.
    cents: Mapped[int]
    asked_at: Mapped[datetime]
