"""What a conversation is about is noted by the day, as the word lists find it and as a member ticks it.

Counts are made of these rows (reach/themes), so each says where the person was that day. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.inbox.conversations.models import Conversation, ConversationTheme, UnnamedReport
from campaigns.inbox.conversations.service import hold_kept
from campaigns.inbox.urgency.theme_list import Theme
from campaigns.staff import audit

#: What was noted in so long is what a conversation is about now, and what a member can take back.
ABOUT_NOW = timedelta(days=30)


def find_themes(session: Session, conversation: Conversation) -> list[Theme]:
    """Return what a conversation is about now, in the order of the list."""
    rows = select(ConversationTheme.theme).where(*_about_now(conversation)).distinct()
    found = set(session.scalars(rows))
    return [theme for theme in Theme if theme in found]


def note_themes(session: Session, conversation: Conversation, themes: Collection[Theme], *, by: int) -> None:
    """Let a conversation be about what a member ticked and nothing else; what stays keeps its days."""
    conversation = hold_kept(session, conversation)
    dropped = delete(ConversationTheme).where(*_about_now(conversation))
    session.execute(dropped.where(ConversationTheme.theme.not_in(themes)), execution_options=PAST_MEMORY)
    kept = find_themes(session, conversation)
    add_themes(session, conversation, [each for each in themes if each not in kept], on=clock.now().date())
    facts = {"organisation_id": conversation.organisation_id, "member_id": by}
    audit.record(session, "conversation.themes", subject=conversation, **facts)


def add_themes(session: Session, conversation: Conversation, themes: Collection[Theme], *, on: date) -> None:
    """Note what a conversation is about on a day (UTC), and where its person is."""
    if not themes:
        return
    here = session.scalar(select(Contact.region_id).where(Contact.id == conversation.contact_id))
    facts = {"conversation_id": conversation.id, "organisation_id": conversation.organisation_id}
    rows = [{**facts, "theme": theme, "on_day": on, "region_id": here} for theme in themes]
    session.execute(insert_or(session, ConversationTheme).on_conflict_do_nothing(), rows)


def told_by_people() -> ColumnElement[bool]:
    """Write as SQL that a noted theme counts a person: nobody knows how many people sent what has no name."""
    return ~exists().where(UnnamedReport.conversation_id == ConversationTheme.conversation_id)


def _about_now(conversation: Conversation) -> list[ColumnElement[bool]]:
    since = clock.now().date() - ABOUT_NOW
    return [ConversationTheme.conversation_id == conversation.id, ConversationTheme.on_day > since]
