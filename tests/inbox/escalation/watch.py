"""An organisation whose members are told by mail, for the tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core import clock
from campaigns.core.errors import RecipientRefusedError, UnavailableError
from campaigns.core.settings import Settings
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.escalation.escalate import escalate
from campaigns.inbox.escalation.member_mails import send_mails
from campaigns.inbox.escalation.models import EscalationStep
from campaigns.inbox.escalation.waits import count_urgent
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Organisation
from tests.factories import NOON
from tests.inbox.escalation.waiting import a_conversation

MINUTE = timedelta(minutes=1)


@dataclass
class Post:
    """A mail server that refuses some addresses, or all."""

    mails: list[EmailMessage] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    is_down: bool = False

    def __call__(self, message: EmailMessage) -> None:
        if self.is_down:
            raise UnavailableError("no")
        if message["To"] in self.refused:
            raise RecipientRefusedError("no")
        self.mails.append(message)

    def take(self) -> list[tuple[str, str]]:
        """Return to whom what was sent since the last look."""
        found = sorted((mail["To"].split("@")[0], mail["Subject"]) for mail in self.mails)
        self.mails.clear()
        return found


@dataclass
class Watch:
    """An organisation with somebody on duty, a lead, a reserve and one more who answers; and a clock."""

    sessions: sessionmaker[Session]
    settings: Settings
    post: Post
    organisation: Organisation
    now: datetime = NOON

    def wait(self, urgency: Urgency = Urgency.DANGER, **changes: Any) -> int:
        with self.sessions.begin() as session:
            return a_conversation(session, self.organisation, urgency, since=self.now, **changes).id

    def pass_on(self, minutes: float = 0, *, keep: bool = False) -> list[tuple[str, str]]:
        """Let time pass, then the worker look; return which mails were sent, unless they are kept."""
        self.now += minutes * MINUTE
        with clock.running_on(lambda: self.now):
            escalate(self.sessions, self.settings)
            send_mails(self.sessions, self.settings, self.post)
        return [] if keep else self.post.take()

    def answer(self) -> None:
        with self.sessions.begin() as session:
            session.execute(update(Conversation).values(waiting_since=None, urgent_since=None))

    def steps(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(select(EscalationStep.step).order_by(EscalationStep.id)))

    def is_red(self) -> bool:
        with self.sessions() as session:
            return any(each.is_red for each in count_urgent(session, [self.organisation.id], now=self.now))
