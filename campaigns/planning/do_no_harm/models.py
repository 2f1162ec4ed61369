"""This table holds the do-no-harm checklist as members answered it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId


class HarmReview(Base):
    """The do-no-harm checklist (checklist.py) as one member answered it, over exactly what was said then."""

    __tablename__ = "harm_review"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    #: Content.said_digest of what the member read; another one asks for new answers.
    digest: Mapped[str] = mapped_column(String(64))
    #: By key of harm.ITEMS: {"yes": true, "words": "why"}.
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)
    answered_at: Mapped[datetime]
