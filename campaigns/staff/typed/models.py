"""This table holds what members typed into forms and have not saved."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base


class TypedForm(Base):
    """What a member typed on one page; it is forgotten once it is saved, or after a week.

    Of a page that was saved a row without fields stays: what was on its way meanwhile is then not kept.
    """

    __tablename__ = "typed_form"

    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"), primary_key=True)
    #: `typed_marks.page_of` an organisation and a path.
    path: Mapped[str] = mapped_column(String(200), primary_key=True)
    #: JSON of the page, the fields by name and the digest of what was shown, sealed for ("typed_form",
    #: "sealed_fields", member_id); empty once it was saved.
    sealed_fields: Mapped[bytes] = mapped_column(LargeBinary)
    saved_at: Mapped[datetime] = mapped_column(index=True)
