"""What happened because nobody answered is written here, each step once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base, BigId
from campaigns.inbox.duty.targets import Step


class EscalationStep(Base):
    """One step of one wait in a conversation; whoever writes the row first takes the step."""

    __tablename__ = "escalation_step"
    __table_args__ = (
        UniqueConstraint("conversation_id", "since", "step"),
        Index("ix_escalation_step_taken", "organisation_id", "taken_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    #: When the wait began that it belongs to.
    since: Mapped[datetime]
    step: Mapped[Step] = mapped_column(String(12))
    taken_at: Mapped[datetime]
