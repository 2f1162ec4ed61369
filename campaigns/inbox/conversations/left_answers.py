"""What answers a report without a name is left where its writer comes by a code, and nothing is sent.

Of near-equal reports the queue shows one. Its answer is left for the others only where a member says so, for
whoever writes nearly the same may be anybody; else the next of them waits, and stands for the rest. Nothing here
commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, reserve_ids
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.answers.answer_runs import AnswerText
from campaigns.inbox.conversations.models import (
    Answer,
    Conversation,
    ConversationState,
    LeftAnswerService,
    UnnamedReport,
)
from campaigns.inbox.models import WEB

#: So many of one kind are answered at once; more of them are no people.
MOST_ALIKE = 1_000


def leave_answer(
    session: Session,
    conversation: Conversation,
    text: AnswerText,
    *,
    by: int,
    vault: Vault,
    to_alike: bool = False,
) -> Answer:
    """Leave an answer in a report, and in those that wait with it where `to_alike` says so; return the first.

    The conversation is locked. Of those that wait with it and have no answer the next waits by itself then.
    """
    others = _hold_alike(session, conversation) if to_alike else ()
    at_once = [conversation.id, *others]
    ids = reserve_ids(session, Answer, len(at_once))
    now = clock.now()
    rows: list[dict[str, Any]] = [
        {
            "id": answer_id,
            "conversation_id": conversation_id,
            "sealed_text": vault.seal(text.body, table="answer", column="sealed_text", row_id=answer_id),
            "member_id": by,
            "reply_id": conversation.last_reply_id if conversation_id == conversation.id else None,
            "written_at": now,
        }
        for answer_id, conversation_id in zip(ids, at_once, strict=True)
    ]
    session.execute(insert(Answer), rows)
    _note_named(session, ids, text)
    if others:
        moved = update(Conversation).where(Conversation.id.in_(others)).values(last_at=now)
        session.execute(moved, execution_options=PAST_MEMORY)
        apart = update(UnnamedReport).where(UnnamedReport.conversation_id.in_(others)).values(same_as_id=None)
        session.execute(apart, execution_options=PAST_MEMORY)
    let_next_wait(session, conversation)
    return session.get_one(Answer, ids[0])


def _note_named(session: Session, ids: Sequence[int], text: AnswerText) -> None:
    """Note which services answers name, so that they are found again when a number is dead."""
    facts = {"named_at": clock.now()}
    named = [facts | {"answer_id": each, "service_id": service} for each in ids for service in text.service_ids]
    if named:
        session.execute(insert(LeftAnswerService), named)


def let_next_wait(session: Session, conversation: Conversation) -> None:
    """Let the first report that waits with another one wait by itself from now on, and stand for the rest.

    To be called where the other, which is locked, waits no more or says something else than they do; it waits
    with none itself any more.
    """
    if conversation.channel != WEB:
        return
    own = session.get(UnnamedReport, conversation.id, with_for_update=True, populate_existing=True)
    if own is not None:
        own.same_as_id = None
    alike = select(UnnamedReport.conversation_id).where(UnnamedReport.same_as_id == conversation.id)
    next_id = session.scalar(alike.order_by(UnnamedReport.conversation_id).limit(1))
    following = next_id and session.get(Conversation, next_id, with_for_update=True, populate_existing=True)
    if not following:
        return
    if following.waiting_since is None:
        following.state, following.waiting_since = ConversationState.NEW, following.created_at
        following.urgency, following.urgent_since = conversation.urgency, following.created_at
        following.reasons = conversation.reasons
    session.flush()
    rest = update(UnnamedReport).where(UnnamedReport.same_as_id == conversation.id)
    session.execute(rest.values(same_as_id=following.id), execution_options=PAST_MEMORY)
    session.get_one(UnnamedReport, following.id, populate_existing=True).same_as_id = None
    session.flush()


def count_alike(session: Session, conversations: Iterable[Conversation]) -> dict[int, int]:
    """Count the reports that say nearly the same as one that the queue shows, by its conversation."""
    reports = [each.id for each in conversations if each.channel == WEB]
    if not reports:
        return {}
    alike = select(UnnamedReport.same_as_id, func.count()).where(UnnamedReport.same_as_id.in_(reports))
    rows = session.execute(alike.group_by(UnnamedReport.same_as_id))
    return {conversation_id or 0: count for conversation_id, count in rows}


def _hold_alike(session: Session, conversation: Conversation) -> Sequence[int]:
    """Return the others that want this answer, locked: they wait with it, and their writers said no more."""
    alike = select(Conversation.id).join(UnnamedReport, UnnamedReport.conversation_id == Conversation.id)
    waiting = alike.where(
        UnnamedReport.same_as_id == conversation.id,
        UnnamedReport.may_answer,
        ~Conversation.is_complaint,
        Conversation.waiting_since.is_(None),
    )
    held = waiting.order_by(Conversation.id).limit(MOST_ALIKE).with_for_update(of=Conversation)
    return session.scalars(held).all()
