"""Those with whom the team talked came so far: given a helpline by us; come and helped, as a partner says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.delivery.models import AnswerService, Delivery
from campaigns.delivery.states import SendState
from campaigns.inbox.conversations.models import Answer, Conversation
from campaigns.inbox.handing_over.models import HandOver
from campaigns.staff.queries import owned

#: How far back people are counted.
COUNTED_FOR = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class ConversationSteps:
    """How many conversations came to each step; one may have come to all, so they never add up."""

    #: A verified helpline was named in an answer that the provider took: by a member, and by itself.
    given_by_members: int
    given_by_itself: int
    #: Another organisation confirmed by the person's code.
    came: int
    helped: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of anybody."""
        return not any((self.given_by_members, self.given_by_itself, self.came, self.helped))


def load_steps(session: Session, organisation_id: int, *, now: datetime) -> ConversationSteps:
    """Count the conversations of an organisation of the last 90 days."""
    since = now - COUNTED_FOR
    named = (
        owned(select(func.count(Answer.conversation_id.distinct())), Conversation, organisation_id)
        .join(Conversation, Conversation.id == Answer.conversation_id)
        .join(AnswerService, AnswerService.run_id == Answer.run_id)
        .join(Delivery, Delivery.run_id == Answer.run_id)
        .where(Delivery.send_state == SendState.ACCEPTED, AnswerService.named_at > since)
    )
    confirmed = owned(select(func.count(HandOver.id)), HandOver, organisation_id)
    return ConversationSteps(
        given_by_members=session.scalar(named.where(Answer.member_id.is_not(None))) or 0,
        given_by_itself=session.scalar(named.where(Answer.member_id.is_(None))) or 0,
        came=session.scalar(confirmed.where(HandOver.came_at > since)) or 0,
        helped=session.scalar(confirmed.where(HandOver.helped_at > since)) or 0,
    )
