"""What somebody writes opens their conversation, or puts it back where it waits for the team.

Nothing here commits.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.urgent_contacts import note_urgent
from campaigns.audience.models import Contact
from campaigns.core import clock
from campaigns.core.database import insert_or
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.delivery.refusals import hold_campaigns_back
from campaigns.inbox.conversations.models import (
    WAITING,
    Conversation,
    ConversationState,
    ConversationTag,
)
from campaigns.inbox.conversations.noting_themes import add_themes
from campaigns.inbox.conversations.word_index import index_text
from campaigns.inbox.models import Reply, ReplyKind
from campaigns.inbox.urgency.judging import Judged, judge
from campaigns.inbox.urgency.levels import Urgency
from campaigns.inbox.urgency.theme_list import themes_of
from campaigns.staff.models import Member

#: A conversation that was closed longer ago begins anew, without the member who had it.
REOPENED_WITHIN = timedelta(days=30)


def hear(session: Session, reply: Reply, text: str, judged: Judged, *, vault: Vault) -> Conversation:
    """Put a contact's reply into their conversation, which then waits for the team."""
    conversation = _hold(session, reply)
    is_waiting = conversation.state in WAITING
    if not is_waiting:
        _begin_anew(session, conversation, at=reply.received_at)
        conversation.urgency, conversation.urgent_since, conversation.reasons = judged.urgency, None, []
    if conversation.snoozed_until is not None:
        # Until then somebody of the team had seen it, and let it wait.
        conversation.urgent_since = min(conversation.snoozed_until, reply.received_at)
    _note_judged(conversation, judged, at=reply.received_at)
    conversation.waiting_since = min(conversation.waiting_since or reply.received_at, reply.received_at)
    conversation.last_at = max(conversation.last_at, reply.received_at)
    conversation.snoozed_until = None
    _note_where(session, conversation, reply, judged)
    _index(session, conversation, text, judged, at=reply.received_at, vault=vault)
    return conversation


def hear_words_of(session: Session, conversation: Conversation, text: str, *, vault: Vault) -> None:
    """Read what a member heard in a voice note as if the person had written it; the conversation is locked."""
    judged, now = judge(text, ReplyKind.TEXT), clock.now()
    if conversation.state in WAITING:
        _note_judged(conversation, judged, at=now)
    conversation.language = conversation.language or judged.language
    _index(session, conversation, text, judged, at=now, vault=vault)


def _note_judged(conversation: Conversation, judged: Judged, *, at: datetime) -> None:
    """Let the most urgent of what waits count, with every reason."""
    _raise(conversation, judged.urgency, at=at)
    told = [*conversation.reasons, *(reason.to_json() for reason in judged.reasons)]
    conversation.reasons = [each for number, each in enumerate(told) if each not in told[:number]]


def _index(
    session: Session, conversation: Conversation, text: str, judged: Judged, *, at: datetime, vault: Vault
) -> None:
    """Let a text be found, and campaigns wait for whoever may be in danger."""
    if conversation.state in WAITING and conversation.urgency >= Urgency.DANGER:
        note_urgent(session, conversation.contact_id, at=conversation.last_at)
        hold_campaigns_back(session, conversation.contact_id)
    index_text(session, conversation, text, vault=vault)
    _tag(session, conversation, judged, on=at.date())
    session.flush()


def hold_in_passing(session: Session, reply: Reply) -> Conversation:
    """Return the conversation of whoever wrote what a machine of ours may answer, locked: by that nobody waits."""
    return _hold(session, reply, waits=False)


def note_in_passing(
    session: Session, conversation: Conversation, reply: Reply, text: str, judged: Judged, *, vault: Vault
) -> None:
    """Put what a machine of ours answers into its conversation; what asks for the team is for `hear` as well."""
    conversation.last_at = max(conversation.last_at, reply.received_at)
    _note_where(session, conversation, reply, judged)
    index_text(session, conversation, text, vault=vault)
    session.flush()


def _hold(session: Session, reply: Reply, *, waits: bool = True) -> Conversation:
    """Return the conversation of a reply's contact, made where there is none and locked."""
    key = {"organisation_id": reply.organisation_id, "contact_id": reply.contact_id}
    facts: dict[str, Any] = {
        "state": ConversationState.NEW if waits else ConversationState.ANSWERED,
        "urgency": Urgency.MACHINE if waits else Urgency.OTHER,
        "reasons": [],
        "waiting_since": reply.received_at if waits else None,
        "urgent_since": reply.received_at if waits else None,
        "last_at": reply.received_at,
        "channel": reply.channel,
        "created_at": reply.received_at,
    }
    session.execute(insert_or(session, Conversation).values(**key, **facts).on_conflict_do_nothing())
    held = select(Conversation).filter_by(**key).with_for_update()
    return session.scalars(held.execution_options(populate_existing=True)).one()


def _begin_anew(session: Session, conversation: Conversation, *, at: datetime) -> None:
    """Let a conversation wait again: with the member who had it, unless that was long ago or they left."""
    closed_at, owner = conversation.closed_at, session.get(Member, conversation.owner_id or 0)
    is_old = closed_at is not None and at - closed_at > REOPENED_WITHIN
    if is_old or owner is None or not owner.active:
        conversation.owner_id = None
    conversation.state = ConversationState.NEW if conversation.owner_id is None else ConversationState.OPEN
    conversation.outcome = conversation.closed_at = conversation.waiting_since = None


def _raise(conversation: Conversation, urgency: Urgency, *, at: datetime) -> None:
    """Let a conversation be as urgent as the most urgent of what waits, since the first that was."""
    if urgency > conversation.urgency:
        conversation.urgency, conversation.urgent_since = urgency, at
    elif urgency == conversation.urgency:
        conversation.urgent_since = min(conversation.urgent_since or at, at)


def _note_where(session: Session, conversation: Conversation, reply: Reply, judged: Judged) -> None:
    """Note where they wrote last, and in what language; what reaches us late is not the last.

    What a contact said of themselves, or was imported with, holds, unless they write what is of other languages
    only, or call for help in another one: ДОПОМОГА tells more. The English HELP, which stands below messages of
    all languages, tells nothing: it is English of those alone of whom nothing else is known.
    """
    last = session.get(Reply, conversation.last_reply_id or 0)
    if last is not None and last.received_at > reply.received_at:
        return
    conversation.last_reply_id, conversation.channel = reply.id, reply.channel
    conversation.sender_id = reply.sender_id or conversation.sender_id
    said = session.scalar(select(Contact.language).where(Contact.id == conversation.contact_id))
    # A bare call for help is a reason of no language.
    spoken = {reason.language for reason in judged.reasons}
    is_theirs = said != UNKNOWN_LANGUAGE and (not spoken or said in spoken)
    # A number or a picture is of no language: what they wrote before holds.
    known = conversation.language if said == UNKNOWN_LANGUAGE else said
    conversation.language = said if is_theirs else judged.language or known or judged.supposed


def _tag(session: Session, conversation: Conversation, judged: Judged, *, on: date) -> None:
    if judged.tags:
        rows = [{"conversation_id": conversation.id, "tag": tag} for tag in sorted(judged.tags)]
        session.execute(insert_or(session, ConversationTag).on_conflict_do_nothing(), rows)
        add_themes(session, conversation, themes_of(judged.tags), on=on)
