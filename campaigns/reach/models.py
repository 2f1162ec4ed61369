"""These tables hold reach in counts, of runs and of people once, recomputed whole so that they cannot drift."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

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
    #: A Rung of ladder.py, never `planned`.
    rung: Mapped[str] = mapped_column(String(20), primary_key=True)
    #: The provider's or our own error code for failures; '' otherwise.
    cause: Mapped[str] = mapped_column(String(40), primary_key=True, default="")
    people: Mapped[int]


class RunCount(Base):
    """When a run was counted last; recounts of one run wait for each other on this row."""

    __tablename__ = "run_count"

    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    counted_at: Mapped[datetime]


class Scope(StrEnum):
    """Among what people are counted once."""

    CAMPAIGN = "campaign"
    #: An organisation's calendar month (UTC).
    MONTH = "month"
    ORGANISATION = "organisation"
    #: All organisations of this instance; for its operator, on no page.
    INSTANCE = "instance"


class PeopleReach(Base):
    """People of a scope who came to a measure, each counted once; parts by region add up, others need not."""

    __tablename__ = "people_reach"

    scope: Mapped[str] = mapped_column(String(12), primary_key=True)
    #: Id of the campaign or organisation; 0: the instance.
    scope_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: "2026-03" of a month; '' otherwise.
    period: Mapped[str] = mapped_column(String(7), primary_key=True)
    #: A Measure of unique_people.py.
    measure: Mapped[str] = mapped_column(String(10), primary_key=True)
    #: A Part of unique_people.py, and which of them: id of a region or place, channel, language.
    part: Mapped[str] = mapped_column(String(10), primary_key=True)
    key: Mapped[str] = mapped_column(String(20), primary_key=True)
    people: Mapped[int]


class PeopleCount(Base):
    """When a scope was counted last."""

    __tablename__ = "people_count"

    scope: Mapped[str] = mapped_column(String(12), primary_key=True)
    scope_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    period: Mapped[str] = mapped_column(String(7), primary_key=True)
    counted_at: Mapped[datetime]


class ReachCheck(Base):
    """One nightly comparison of all stored counts with the deliveries."""

    __tablename__ = "reach_check"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    checked_at: Mapped[datetime]
    runs: Mapped[int]
    #: People who stood elsewhere than they were counted in runs that may still move; put right.
    moved: Mapped[int]
    #: The same in runs that had closed before the receipt came; their figures stay.
    late: Mapped[int]
    #: By how many people counts and deliveries differ in number; never anything but 0.
    drift: Mapped[int]
