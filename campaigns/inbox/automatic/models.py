"""The tables keep which message answers by itself when, and what a machine of ours asked a person."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.core.database import Base
from campaigns.inbox.conversations.models import Occasion


class AutomaticText(Base):
    """The message that an organisation lets be sent by itself on an occasion; without one nothing is."""

    __tablename__ = "automatic_text"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    occasion: Mapped[Occasion] = mapped_column(String(20), primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("message.id"))


class Subject(StrEnum):
    """What a question of a machine is about."""

    LANGUAGE = "language"
    PLACE = "place"


class OpenQuestion(Base):
    """What a person was asked and may answer with a number, until it is answered or too old."""

    __tablename__ = "open_question"

    conversation_id: Mapped[int] = mapped_column(
        ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True
    )
    subject: Mapped[Subject] = mapped_column(String(10))
    #: The choices, in the order in which they were numbered, as JSON of Choice (open_questions.py).
    choices: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    asked_at: Mapped[datetime]
