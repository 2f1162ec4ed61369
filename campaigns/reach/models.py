"""Reach per run: counts of people, recomputed from deliveries as a whole, so that they cannot drift."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId


class RunReach(Base):
    """People on one rung of the ladder, or failed for one cause, in a region, channel and language of a run."""

    __tablename__ = "run_reach"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    #: 0: no known region.
    region_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    language: Mapped[str] = mapped_column(String(10), primary_key=True)
    #: A Rung of counting.py.
    rung: Mapped[str] = mapped_column(String(20), primary_key=True)
    #: The provider's or our own error code for failures; '' otherwise.
    cause: Mapped[str] = mapped_column(String(40), primary_key=True, default="")
    people: Mapped[int]
