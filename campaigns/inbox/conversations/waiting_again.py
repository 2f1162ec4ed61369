"""A conversation that nobody had to answer waits for the team again, for another reason than a message."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.urgent_contacts import note_urgent
from campaigns.delivery.refusals import hold_campaigns_back
from campaigns.inbox.conversations.models import WAITING, Conversation, ConversationState
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.staff.models import Member

#: Heading of the reason why whoever an answer did not reach waits.
NOT_ARRIVED = "not_arrived"


def wait_again(conversation: Conversation, reason: Reason, *, active: Collection[int], at: datetime) -> None:
    """Let a conversation wait at least among those of a day; unless it was closed, as urgent as it was.

    `active` are the members, by their ids, who still work here: of others nobody has it.
    """
    if conversation.state == ConversationState.CLOSED:
        conversation.urgency = Urgency.DAY
    if conversation.state not in WAITING:
        if conversation.owner_id not in active:
            conversation.owner_id = None
        conversation.state = ConversationState.NEW if conversation.owner_id is None else ConversationState.OPEN
        conversation.outcome = conversation.closed_at = None
    told = reason.to_json()
    conversation.reasons = [told, *(each for each in conversation.reasons if each != told)]
    if conversation.waiting_since is None or conversation.urgency < Urgency.DAY:
        conversation.urgent_since = at
    conversation.urgency = max(conversation.urgency, Urgency.DAY)
    conversation.waiting_since = conversation.waiting_since or at
    conversation.snoozed_until = None


def answer_anew(conversation: Conversation) -> None:
    """Forget that an answer did not reach somebody who gets another one: of that nobody knows yet."""
    told = (each for each in conversation.reasons if each["heading"] != NOT_ARRIVED)
    conversation.reasons = list(told)


def hold_back(session: Session, conversation: Conversation, *, at: datetime) -> None:
    """Let campaigns wait for whoever may be in danger and waits again; closing had let them write."""
    if conversation.urgency >= Urgency.DANGER:
        note_urgent(session, conversation.contact_id, at=at)
        hold_campaigns_back(session, conversation.contact_id)


def active_of(session: Session, ids: Collection[int]) -> set[int]:
    """Return which of these members, by their ids, still work here."""
    return set(session.scalars(select(Member.id).where(Member.id.in_(ids), Member.active)))
