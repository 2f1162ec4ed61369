"""Conversations that wait, for the tests of this folder."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation, ConversationState
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Organisation
from tests.factories import NOON, a_contact, add


def a_conversation(
    session: Session,
    organisation: Organisation,
    urgency: Urgency = Urgency.DANGER,
    *,
    since: datetime = NOON,
    **changes: Any,
) -> Conversation:
    values: dict[str, Any] = {
        "organisation_id": organisation.id,
        "contact_id": a_contact(session, organisation).id,
        "state": ConversationState.NEW,
        "urgency": urgency,
        "reasons": [],
        "waiting_since": since,
        "urgent_since": since,
        "last_at": since,
        "channel": "sms",
        "created_at": since,
    }
    return add(session, Conversation(**values | changes))
