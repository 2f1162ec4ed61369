"""Names of public sentences say how far a report has come, and who reads one that is a complaint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from campaigns.inbox.complaints.models import Complaint
from campaigns.inbox.complaints.readers import readers_of
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationState, Outcome

#: What is said of a complaint in place of what the team does, which has no part in it.
_OF_COMPLAINTS = {
    ConversationState.NEW: "",
    ConversationState.OPEN: "",
    ConversationState.ANSWERED: "told_reader_answered",
    ConversationState.CLOSED: "told_reader_closed",
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a complaint, as its writer is told."""

    #: Since when (UTC): what was answered before, the team wrote.
    since: datetime
    #: Name of the public sentence that says so.
    sentence: str
    #: The organisation that it names; '' for none.
    organisation: str = ""


def state_of(session: Session, conversation: Conversation) -> str:
    """Return the name of the sentence that says how far a report has come; '' where its reader says all of it."""
    state = conversation.state
    if conversation.outcome == Outcome.HANDED_OVER:
        return "told_passed"
    if conversation.is_complaint and state in _OF_COMPLAINTS:
        return _OF_COMPLAINTS[ConversationState(state)]
    if state == ConversationState.ANSWERED and not _is_answered(session, conversation):
        # It stands behind one that says nearly the same, of which nobody is told.
        return "told_received"
    return "told_received" if state == ConversationState.NEW else f"told_{state}"


def find_reader(session: Session, conversation: Conversation, shown_names: Mapping[int, str]) -> Reader | None:
    """Say who reads a complaint now; None for what is none.

    `shown_names` are what organisations call themselves on pages for people; any other is not named.
    """
    found = select(Complaint).where(Complaint.conversation_id == conversation.id)
    complaint = session.scalar(found) if conversation.is_complaint else None
    if complaint is None:
        return None
    since, receiver_id = complaint.marked_at, complaint.receiver_id
    if receiver_id is None or not readers_of(session, [conversation.id])[conversation.id]:
        return Reader(since, "told_reader_sought")
    if receiver_id == complaint.organisation_id:
        return Reader(since, "told_reader_ours")
    name = shown_names.get(receiver_id, "")
    return Reader(since, "told_reader_other", name) if name else Reader(since, "told_reader_unnamed")


def _is_answered(session: Session, conversation: Conversation) -> bool:
    return bool(session.scalar(select(exists().where(Answer.conversation_id == conversation.id))))
