"""What answers a report without a name is left where its writer comes by a code, and nothing is sent.

Of near-equal reports the queue shows one; its answer is left for the others too, as long as its writer said no
more than they did. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import exists, func, insert, select, update
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.database import reserve_ids
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationState, UnnamedReport
from campaigns.inbox.models import Reply

#: So many of one kind are answered at once; more of them are no people.
MOST_ALIKE = 1_000


def leave_answer(session: Session, conversation: Conversation, body: str, *, by: int, vault: Vault) -> Answer:
    """Leave an answer in a report, and in those that say nearly the same and wait for it; return the first."""
    at_once = [conversation.id, *_find_alike(session, conversation)]
    ids = reserve_ids(session, Answer, len(at_once))
    now = clock.now()
    rows: list[dict[str, Any]] = [
        {
            "id": answer_id,
            "conversation_id": conversation_id,
            "sealed_text": vault.seal(body, table="answer", column="sealed_text", row_id=answer_id),
            "member_id": by,
            "reply_id": conversation.last_reply_id if conversation_id == conversation.id else None,
            "written_at": now,
        }
        for answer_id, conversation_id in zip(ids, at_once, strict=True)
    ]
    session.execute(insert(Answer), rows)
    moved = update(Conversation).where(Conversation.id.in_(at_once[1:])).values(last_at=now)
    session.execute(moved, execution_options={"synchronize_session": False})
    return session.get_one(Answer, ids[0])


def count_alike(session: Session, conversation_ids: Collection[int]) -> dict[int, int]:
    """Count the reports that say nearly the same as one that the queue shows, by its conversation."""
    alike = select(UnnamedReport.same_as_id, func.count()).where(UnnamedReport.same_as_id.in_(conversation_ids))
    rows = session.execute(alike.group_by(UnnamedReport.same_as_id))
    return {conversation_id or 0: count for conversation_id, count in rows}


def _find_alike(session: Session, conversation: Conversation) -> Sequence[int]:
    """Return the others that want this answer: their writers said no more, and have none."""
    written = select(func.count(Reply.id)).where(Reply.contact_id == conversation.contact_id)
    if (session.scalar(written) or 0) > 1:
        return ()
    alike = select(UnnamedReport.conversation_id).where(
        UnnamedReport.same_as_id == conversation.id, UnnamedReport.may_answer
    )
    waiting = alike.join(Conversation, Conversation.id == UnnamedReport.conversation_id).where(
        Conversation.state == ConversationState.ANSWERED,
        ~exists().where(Answer.conversation_id == UnnamedReport.conversation_id),
    )
    return session.scalars(waiting.order_by(UnnamedReport.conversation_id).limit(MOST_ALIKE)).all()
