"""Reach per run: counts of people, recomputed from deliveries as a whole, so that they cannot drift."""

from __future__ import annotations

from datetime import datetime

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
    #: Language of the text that was sent.
    language: Mapped[str] = mapped_column(String(10), primary_key=True)
    #: A Rung of counting.py, never `planned`.
    rung: Mapped[str] = mapped_column(String(20), primary_key=True)
    #: The provider's or our own error code for failures; '' otherwise.
    cause: Mapped[str] = mapped_column(String(40), primary_key=True, default="")
    people: Mapped[int]


class RunCount(Base):
    """When a run was counted last; recounts of one run wait for each other on this row."""

    __tablename__ = "run_count"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    counted_at: Mapped[datetime]
