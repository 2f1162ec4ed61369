"""Whoever was given a number in an answer waits for the team again, before other questions, once it is dead.

An answer that names it and has not left is stopped. Nobody is written to by a machine: most of these people
agreed to no message, and what fits them now is for a member to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select, tuple_, union, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import REFUSALS, Address, AddressState, Consent
from campaigns.core import clock
from campaigns.core.database import PAST_MEMORY, insert_or
from campaigns.core.sentences import Sentence
from campaigns.core.words import N_
from campaigns.delivery.models import AnswerService, Delivery
from campaigns.delivery.states import SendState
from campaigns.directory.models import CheckOutcome, Service, ServiceCheck
from campaigns.directory.queries import is_taken_back
from campaigns.inbox.conversations.models import (
    Answer,
    Conversation,
    ConversationTag,
    LeftAnswerService,
)
from campaigns.inbox.conversations.waiting_again import active_of, hold_back, wait_again
from campaigns.inbox.conversations.window import ANSWER_LIVES
from campaigns.inbox.given.dead_marks import hold_alive, mark_dead
from campaigns.inbox.given.left_numbers import LeftNumber, load_left
from campaigns.inbox.models import Reply
from campaigns.inbox.urgency.word_lists import Reason
from campaigns.planning.models import Run, RunState

#: Heading of the reason, and the tag.
NUMBER_DIED = "number_died"
#: Answers of one transaction.
AT_ONCE = 200
#: States of an answer that nobody got and nobody will get.
_LOST = (SendState.FAILED, SendState.EXPIRED, SendState.CANCELLED)
#: States of one that nobody got yet: stopped here, or by its claim.
_UNSENT = (SendState.QUEUED, SendState.SUPPRESSED)
_STOPPED = N_("A number that it names is dead.")


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer that named a service, and what became of it."""

    service_id: int
    run_id: int
    #: None: it was erased.
    conversation_id: int | None
    service: str
    send_state: SendState
    #: Somebody may answer them; of whom nobody may, nobody waits.
    may_be_answered: bool

    @property
    def key(self) -> tuple[int, int]:
        """Key of its row."""
        return self.run_id, self.service_id


def put_back(sessions: sessionmaker[Session]) -> int:
    """Let everybody wait again who was given a number that is dead by now; return how many answers there were."""
    found = 0
    while some := _put_back_some(sessions):
        found += some
    return found


def _put_back_some(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        told, left = _load_told(session, now=clock.now()), load_left(session)
    found = 0
    if told:
        with sessions.begin() as session:
            found += _take_back(session, told)
    if left:
        with sessions.begin() as session:
            found += take_back_left(session, left)
    return found


def take_back_left(session: Session, left: Sequence[LeftNumber]) -> int:
    """Let those wait again to whom these answers were left; return how many another worker has not done."""
    now, held = clock.now(), hold_alive(session, LeftAnswerService, [each.key for each in left])
    _let_wait(session, {each.conversation_id: each.service for each in left if each.key in held}, now=now)
    mark_dead(session, LeftAnswerService, held, at=now)
    return len(held)


def select_dead(*, now: datetime) -> Select[Any]:
    """Select (run, service) of answers whose number was found dead since, or that wait with one taken back."""
    columns = select(AnswerService.run_id, AnswerService.service_id).where(AnswerService.died_at.is_(None))
    is_dead = ServiceCheck.outcome != CheckOutcome.ANSWERS
    found = columns.join(ServiceCheck, ServiceCheck.service_id == AnswerService.service_id)
    found = found.where(is_dead, ServiceCheck.recorded_at > AnswerService.named_at)
    waiting = columns.join(Service, Service.id == AnswerService.service_id)
    waiting = waiting.join(Delivery, Delivery.run_id == AnswerService.run_id)
    waiting = waiting.where(is_taken_back(now), AnswerService.named_at > now - ANSWER_LIVES)
    dead = union(found, waiting.where(Delivery.send_state.in_(_UNSENT))).subquery()
    return select(dead.c.run_id, dead.c.service_id).limit(AT_ONCE)


def _load_told(session: Session, *, now: datetime) -> Sequence[_Told]:
    refused = select(func.max(Consent.given_at)).where(
        Consent.address_id == Address.id, Consent.kind.in_(REFUSALS)
    )
    asked = select(Reply.received_at).where(Reply.id == Conversation.last_reply_id)
    wrote_since = asked.scalar_subquery() > refused.scalar_subquery()
    may_be = or_(Address.state.not_in((AddressState.OPTED_OUT, AddressState.INVALID)), wrote_since)
    columns = select(
        AnswerService.service_id,
        AnswerService.run_id,
        Answer.conversation_id,
        Service.name,
        Delivery.send_state,
        func.coalesce(may_be, False),
    )
    rows = (
        columns.select_from(AnswerService)
        .join(Service, Service.id == AnswerService.service_id)
        .join(Delivery, Delivery.run_id == AnswerService.run_id)
        .outerjoin(Address, Address.id == Delivery.address_id)
        .outerjoin(Answer, Answer.run_id == AnswerService.run_id)
        .outerjoin(Conversation, Conversation.id == Answer.conversation_id)
        .where(tuple_(AnswerService.run_id, AnswerService.service_id).in_(select_dead(now=now)))
    )
    return [_Told(*row) for row in session.execute(rows)]


def _take_back(session: Session, told: Sequence[_Told]) -> int:
    """Mark answers, stop those that have not left, and put back the conversations of whoever may be answered.

    Return how many another worker has not done: whoever it put back may have been answered since.
    """
    now, held = clock.now(), hold_alive(session, AnswerService, [each.key for each in told])
    told = [each for each in told if each.key in held]
    waits = {
        each.conversation_id: each.service
        for each in told
        if each.conversation_id is not None and each.may_be_answered and each.send_state not in _LOST
    }
    _let_wait(session, waits, now=now)
    # What was claimed, and not called yet, is refused by its fence.
    unsent = [each.run_id for each in told if each.send_state in (*_UNSENT, SendState.SENDING)]
    stopped = update(Run).where(Run.id.in_(unsent), Run.state == RunState.RUNNING)
    session.execute(
        stopped.values(state=RunState.STOPPED, reason=Sentence(_STOPPED), finished_at=now),
        execution_options=PAST_MEMORY,
    )
    mark_dead(session, AnswerService, held, at=now)
    session.flush()
    return len(told)


def _let_wait(session: Session, waits: Mapping[int, str], *, now: datetime) -> None:
    """Put conversations back, each for the service that was named in it."""
    held = select(Conversation).where(Conversation.id.in_(waits)).order_by(Conversation.id).with_for_update()
    found = session.scalars(held.execution_options(populate_existing=True)).all()
    active = active_of(session, [each.owner_id for each in found if each.owner_id is not None])
    for conversation in found:
        reason = Reason(NUMBER_DIED, phrase=waits[conversation.id])
        wait_again(conversation, reason, active=active, at=now)
        hold_back(session, conversation, at=now)
    if found:
        tags = [{"conversation_id": each.id, "tag": NUMBER_DIED} for each in found]
        session.execute(insert_or(session, ConversationTag).on_conflict_do_nothing(), tags)
