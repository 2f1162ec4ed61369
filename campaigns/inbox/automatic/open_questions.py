"""A machine of ours asks with numbered choices; the next message that names one of them is the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact
from campaigns.audience.positions import Standing
from campaigns.core.folding import words_of
from campaigns.inbox.automatic.models import OpenQuestion, Subject
from campaigns.inbox.conversations.models import Conversation

#: A question that was asked longer ago is not what somebody answers now.
ANSWERED_WITHIN = timedelta(hours=24)
_NUMBER = re.compile(r"\W*(?P<number>\d)(?:\ufe0f?\u20e3)?\W*")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that may be meant."""

    #: As the person read it, without its number.
    shown: str
    #: BCP 47 code; '' where the question is about something else.
    language: str = ""
    #: Where a place lies; no point is kept.
    cell: int | None = None
    region_id: int | None = None
    time_zone: str | None = None

    @property
    def standing(self) -> Standing:
        """Where somebody is who chose it."""
        return Standing(self.cell, self.region_id, self.time_zone)


def numbered(choices: Sequence[Choice]) -> str:
    """Return the lines by which choices are offered."""
    return "\n".join(f"{number} {choice.shown}" for number, choice in enumerate(choices, start=1))


def ask(
    session: Session, conversation: Conversation, subject: Subject, choices: Sequence[Choice], *, at: datetime
) -> None:
    """Note what a person was asked; it takes the place of what they were asked before."""
    asked = session.get(OpenQuestion, conversation.id) or OpenQuestion(conversation_id=conversation.id)
    asked.subject, asked.asked_at = subject, at
    asked.choices = [asdict(choice) for choice in choices]
    session.add(asked)
    session.flush()


def find_asked(session: Session, organisation_id: int, contact_id: int, *, at: datetime) -> OpenQuestion | None:
    """Return what somebody was asked and did not answer; None for nothing, or for what is too old at a moment.

    Which place was meant is settled by whatever told since where they are: a word, a shared place, a code, a file.
    """
    asked = select(OpenQuestion).join(Conversation, Conversation.id == OpenQuestion.conversation_id)
    is_open = or_(
        OpenQuestion.subject != Subject.PLACE,
        Contact.position_at.is_(None),
        Contact.position_at <= OpenQuestion.asked_at,
    )
    theirs = asked.join(Contact, Contact.id == Conversation.contact_id).where(
        Conversation.organisation_id == organisation_id,
        Conversation.contact_id == contact_id,
        OpenQuestion.asked_at > at - ANSWERED_WITHIN,
        is_open,
    )
    return session.scalar(theirs)


def read_answer(asked: OpenQuestion, text: str) -> Choice | None:
    """Return the choice that a message names by its number, in digits of any script, or by its words."""
    choices = [Choice(**choice) for choice in asked.choices]
    number = _NUMBER.fullmatch(text)
    if number is not None:
        at = int(number["number"]) - 1
        return choices[at] if 0 <= at < len(choices) else None
    said = words_of(text)
    return next((choice for choice in choices if said and said in _names_of(choice)), None)


def forget_asked(session: Session, contact_id: int) -> None:
    """Forget what somebody was asked, in every organisation."""
    theirs = select(Conversation.id).where(Conversation.contact_id == contact_id)
    session.execute(delete(OpenQuestion).where(OpenQuestion.conversation_id.in_(theirs)))


def _names_of(choice: Choice) -> list[list[str]]:
    """Return what is said for a choice: all of it, or what stands before the country."""
    return [words_of(choice.shown), words_of(choice.shown.partition(",")[0])]
