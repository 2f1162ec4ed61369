"""This table holds what a member asked for that waits until people are counted."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId, rows_with
from campaigns.core.sentences import Sentence


class Act(StrEnum):
    """What is done only when everybody was counted."""

    SUBMIT = "submit"
    APPROVE = "approve"
    #: Letting a held run start.
    START = "start"


class AskedAct(Base):
    """An act that waits for its count, or was not done after it; one that is done leaves no row."""

    __tablename__ = "asked_act"
    __table_args__ = (Index("ix_asked_act_due", "due_at", **rows_with("due_at IS NOT NULL")),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    #: A campaign has one at a time.
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaign.id"), unique=True)
    #: The run that is to start.
    run_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    act: Mapped[Act] = mapped_column(String(10))
    member_id: Mapped[int] = mapped_column(ForeignKey("member.id"))
    #: Of all that is sent, as the member had read it; nothing else is submitted, approved or started.
    digest: Mapped[str] = mapped_column(String(64))
    #: Approving it as urgent.
    as_urgent: Mapped[bool] = mapped_column(default=False, server_default=false())
    asked_at: Mapped[datetime]
    #: When a worker last took it.
    began_at: Mapped[datetime | None]
    #: When a worker may take it; while one counts, when it is taken for dead. None: it was not done.
    due_at: Mapped[datetime | None]
    #: Parts of the people that are counted, and all that there are.
    done: Mapped[int] = mapped_column(default=0)
    whole: Mapped[int] = mapped_column(default=0)
    #: Why it was not done, and since when that is known.
    refusal: Mapped[Sentence | None]
    ended_at: Mapped[datetime | None]

    @property
    def share(self) -> float:
        """What of the people is counted, from 0 to 1."""
        return self.done / self.whole if self.whole else 0.0
