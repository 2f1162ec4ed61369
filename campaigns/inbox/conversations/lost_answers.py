"""Whoever was answered in vain waits for the team again: else nobody would look at a failed answer any more.

It failed, was not sent in time, or did not arrive; or it rests over a sender that is paused or switched off, and
is stopped. Nothing is sent by itself.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, cast, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, sessionmaker

from campaigns.audience.models import Address, AddressState
from campaigns.core import clock
from campaigns.delivery.answers.answer_runs import stop_answers
from campaigns.delivery.lanes.sender_health import may_be_used
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.inbox.conversations.models import Answer, Conversation, ConversationState, Occasion, Outcome
from campaigns.inbox.conversations.waiting_again import NOT_ARRIVED, active_of, hold_back, wait_again
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.planning.models import Sender
from campaigns.staff.models import Organisation

#: An answer lives for a day, and what became of it is told within another one.
LOOKED_BACK = timedelta(days=3)
#: So long an answer may rest over a sender that is paused or switched off, for a member to mend it.
RESTS = timedelta(minutes=15)
#: Conversations of one transaction; the others are at the next look.
AT_ONCE = 200
#: What nobody got. Whoever said stop meanwhile is not among them.
_UNSENT = (SendState.FAILED, SendState.EXPIRED, SendState.CANCELLED)
_LOST = (ReceiptState.UNDELIVERED, ReceiptState.FAILED)
#: What a machine says to whoever asked, so that they wait for nobody.
_ASKED_FOR = (Occasion.INFO, Occasion.MOVED, Occasion.WHICH_PLACE)
#: How a conversation ended in which the answer was to help.
_HELPED = (Outcome.INFORMED, Outcome.GIVEN_HELPLINE, Outcome.HANDED_OVER)


def put_back_lost(sessions: sessionmaker[Session]) -> int:
    """Let those wait again whom the last answer did not reach, a member's or what they asked for; return how many.

    Commits; nobody writes while there is none.
    """
    now = clock.now()
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        found = session.scalars(_select_lost(now).order_by(Conversation.id).limit(AT_ONCE)).all()
    if not found:
        return 0
    with sessions.begin() as session:
        return _put_back(session, found, now=now)


def _put_back(session: Session, ids: Collection[int], *, now: datetime) -> int:
    held = select(Conversation).where(Conversation.id.in_(ids)).order_by(Conversation.id).with_for_update()
    conversations = session.scalars(held.execution_options(populate_existing=True)).all()
    # A member may have answered anew, or another worker put it back, before this held it.
    lost = set(session.scalars(_select_lost(now).where(Conversation.id.in_(ids))))
    active = active_of(session, [each.owner_id for each in conversations if each.owner_id is not None])
    for conversation in conversations:
        if conversation.id in lost:
            wait_again(conversation, Reason(NOT_ARRIVED), active=active, at=now)
            hold_back(session, conversation, at=now)
    session.flush()
    _stop_resting(session, lost, now=now)
    return len(lost)


def _stop_resting(session: Session, ids: Collection[int], *, now: datetime) -> None:
    """Stop what rests for these conversations: a member answers anew, and nobody gets both once it is mended."""
    resting = select(Answer.run_id).join(Delivery, Delivery.run_id == Answer.run_id)
    resting = resting.where(Answer.conversation_id.in_(ids), Answer.member_id.is_not(None), _rests(now))
    stop_answers(session, resting)


def _select_lost(now: datetime) -> Select[int]:
    """Select conversations that are answered, of which the last answer did not arrive.

    Of what a machine says, what was asked for counts: whoever gets the rest waits for the team already.
    """
    later = aliased(Answer)
    is_later = and_(later.conversation_id == Answer.conversation_id, later.id > Answer.id)
    is_last = ~exists().where(is_later, _counts(later))
    lost = select(Conversation.id).join(Answer, Answer.conversation_id == Conversation.id)
    lost = lost.join(Delivery, Delivery.run_id == Answer.run_id)
    lost = lost.outerjoin(Address, Address.id == Delivery.address_id)
    return lost.where(
        # Written out, so that the index by state and time applies.
        Conversation.organisation_id.in_(select(Organisation.id)),
        Conversation.state.in_((ConversationState.ANSWERED, ConversationState.CLOSED)),
        Conversation.last_at > now - LOOKED_BACK,
        _is_to_be_seen(),
        _counts(Answer),
        is_last,
        or_(Delivery.send_state.in_(_UNSENT), Delivery.receipt_state.in_(_LOST), _rests(now)),
        # Nobody writes to whoever said stop since.
        func.coalesce(Address.state, "") != AddressState.OPTED_OUT,
    )


def _counts(answer: Any) -> ColumnElement[bool]:
    return or_(answer.member_id.is_not(None), answer.occasion.in_(_ASKED_FOR))


def _rests(now: datetime) -> ColumnElement[bool]:
    """Match what has waited for long over a sender that nothing goes over before a member has seen to it."""
    may_send = exists().where(Sender.id == Delivery.sender_id, may_be_used()).correlate(Delivery)
    return and_(Delivery.send_state == SendState.QUEUED, Delivery.due_at <= now - RESTS, ~may_send)


def _is_to_be_seen() -> ColumnElement[bool]:
    """Match what a member has not closed although they knew; of what somebody closed before they are told once."""
    knew = cast(Conversation.reasons, String).contains(NOT_ARRIVED)
    was_to_help = and_(Conversation.outcome.in_(_HELPED), ~knew)
    return or_(Conversation.state == ConversationState.ANSWERED, was_to_help)
