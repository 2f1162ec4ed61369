"""Beyond delivery, a campaign has counted links, and what services and partners say of its code."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId
from campaigns.reach.counting.ladder import Step

#: What a service or partner can tell of.
TOLD_STEPS = (Step.SIGNPOSTED, Step.ASSISTED)


class Way(StrEnum):
    """How we were told."""

    FORM = "form"
    API = "api"


class LinkDay(Base):
    """How often a campaign's address was opened on a day, from a region's poster or text; nothing of who did."""

    __tablename__ = "link_day"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    #: 0: the address without a region.
    region_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: Calendar day in UTC.
    day: Mapped[date] = mapped_column(primary_key=True)
    openings: Mapped[int]


class Outcome(Base):
    """What a service or partner told of a code ("3 came quoting K7"), without names; withdrawn, never changed."""

    __tablename__ = "outcome"
    __table_args__ = (
        CheckConstraint("people > 0", name="people"),
        Index("ix_outcome_campaign", "campaign_id", "day"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), index=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"))
    #: One of TOLD_STEPS.
    step: Mapped[Step] = mapped_column(String(20))
    people: Mapped[int]
    #: None: not told.
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    #: The day they came, or the last day that the number is about.
    day: Mapped[date]
    #: Who told us: the name of a service or partner organisation.
    partner: Mapped[str] = mapped_column(String(200))
    way: Mapped[Way] = mapped_column(String(4))
    note: Mapped[str] = mapped_column(String(300), default="")
    #: Some of them were counted before.
    recurrent: Mapped[bool] = mapped_column(default=False)
    recorded_by_id: Mapped[int | None] = mapped_column(ForeignKey("member.id"))
    recorded_at: Mapped[datetime]
    #: Set when it turned out wrong; it then counts nowhere.
    withdrawn_at: Mapped[datetime | None]
