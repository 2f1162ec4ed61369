"""These tables hold the do-no-harm checklist as members answered it, and the country rules that they confirmed."""

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


class CountryConfirmation(Base):
    """A member read rules of a country that the campaign seems to break, and goes on."""

    __tablename__ = "country_confirmation"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), index=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    #: Alpha-2.
    country: Mapped[str] = mapped_column(String(2))
    #: The table's words for the rules ("shortener"), sorted; a further one asks for a new confirmation.
    rules: Mapped[list[str]] = mapped_column(JSON)
    #: Where the table has them from, as it stood then.
    source: Mapped[str] = mapped_column(String(500))
    confirmed_at: Mapped[datetime]
