"""People of an organisation who wrote about something, for tests of themes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from secrets import token_bytes

from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation, ConversationState, ConversationTheme, UnnamedReport
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.places.models import Region
from campaigns.staff.models import Organisation
from tests.factories import a_contact, add


def note(
    session: Session,
    organisation: Organisation,
    theme: Theme,
    region: Region | None,
    people: int,
    *,
    on: date,
    language: str | None = None,
    without_name: bool = False,
) -> list[int]:
    """Let new people write about a theme on a day, or reports come; return the ids of their conversations."""
    found, at = [], datetime.combine(on, time(12), UTC)
    for _ in range(people):
        contact = a_contact(session, organisation)
        conversation = add(
            session,
            Conversation(
                organisation_id=organisation.id,
                contact_id=contact.id,
                state=ConversationState.ANSWERED,
                urgency=Urgency.OTHER,
                reasons=[],
                last_at=at,
                created_at=at,
                channel="web" if without_name else "sms",
                language=language,
            ),
        )
        facts = {"theme": theme, "on_day": on, "region_id": region.id if region else None}
        session.add(ConversationTheme(conversation_id=conversation.id, organisation_id=organisation.id, **facts))
        if without_name:
            code, where = token_bytes(32), region.country if region else ""
            session.add(UnnamedReport(conversation_id=conversation.id, code=code, may_answer=False, country=where))
        found.append(conversation.id)
    session.flush()
    return found
