"""Mails that nobody took are tried again while anybody of whom they tell waits: one of a kind for each member.

A few tries follow each other closely. Then the server is away, and it is asked now and again until it is back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from campaigns.core.database import PAST_MEMORY
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began
from campaigns.inbox.escalation.mail_pauses import MOST_AN_HOUR
from campaigns.inbox.escalation.models import (
    NOT_TAKEN,
    EscalationStep,
    OfferTold,
    PostState,
    StepMail,
    StepTold,
    UrgentRunTold,
)
from campaigns.inbox.escalation.offer_mails import asks_for, is_still_asked
from campaigns.inbox.escalation.urgent_run_mails import is_under_way, tells_of_run
from campaigns.staff.models import Member

#: A mail that was not taken is tried again after so long, so often; one that a process left behind, too.
AGAIN_AFTER, ATTEMPTS = timedelta(minutes=1), 4
LEFT_BEHIND = timedelta(minutes=2)
#: After those tries one that no server took is tried so long after the last time.
LATER = timedelta(minutes=5)

_HOUR = timedelta(hours=1)


def still_waits() -> list[ColumnElement[bool]]:
    """Match conversations that wait since the wait to which a step belongs."""
    return [Conversation.waiting_since.is_not(None), EscalationStep.since == began()]


def is_to_be_tried(now: datetime) -> Sequence[ColumnElement[bool]]:
    """Match mails that were not taken, or that a process left behind, while anybody of whom they tell waits.

    Of those about urgent runs it matches the ones whose run is under way.
    """
    told = exists().where(StepTold.mail_id == StepMail.id, EscalationStep.id == StepTold.step_id)
    waits = told.where(Conversation.id == EscalationStep.conversation_id, *still_waits())
    is_wanted = or_(waits, is_still_asked(now), is_under_way())
    works_here = exists().where(Member.id == StepMail.member_id, Member.active)
    # Written out as in the index of those that are open.
    return [StepMail.state != PostState.SENT, _is_time(now), is_wanted, works_here, _gets_one_more(now)]


def claim_again(session: Session, now: datetime, *, most: int) -> Iterator[tuple[StepMail, bool]]:
    """Yield the mails that are tried now, and whether their member's address was refused at each try before."""
    # Whoever may be in danger is told of first, however many others wait for a server that was away.
    by_danger = StepMail.urgency.desc(), StepMail.id
    again = select(StepMail).where(*is_to_be_tried(now)).order_by(*by_danger).limit(most)
    gone: set[int] = set()
    for mail in session.scalars(again.with_for_update(skip_locked=True)).all():
        if mail.id in gone:
            # One that went before it tells of the same people, too.
            continue
        is_only_refused = mail.state == PostState.REFUSED
        mail.attempts = min(mail.attempts + 1, ATTEMPTS)
        mail.changed_at, mail.state = now, PostState.SENDING
        if asks_for(session, mail) is None and not tells_of_run(session, mail):
            gone |= _put_together(session, mail)
        yield mail, is_only_refused


def is_of_complaints(session: Session, mail: StepMail) -> bool:
    """Say whether a mail tells of complaints; what became one since is told of to others."""
    found = _told_by(mail).where(Conversation.is_complaint, *still_waits())
    return session.scalar(select(found.exists())) or False


def _is_time(now: datetime) -> ColumnElement[bool]:
    is_refused = StepMail.state.in_(NOT_TAKEN), StepMail.changed_at <= now - AGAIN_AFTER
    is_left = StepMail.state == PostState.SENDING, StepMail.changed_at <= now - LEFT_BEHIND
    # Of an address that is refused somebody hears; one that gave mail back has more tries than any.
    is_away = StepMail.state == PostState.FAILED, StepMail.changed_at <= now - LATER
    return or_(
        and_(StepMail.attempts < ATTEMPTS, or_(and_(*is_refused), and_(*is_left))),
        and_(StepMail.attempts == ATTEMPTS, or_(and_(*is_away), and_(*is_left))),
    )


def _gets_one_more(now: datetime) -> ColumnElement[bool]:
    other = aliased(StepMail)
    got = select(func.count(other.id)).where(other.member_id == StepMail.member_id, other.state == PostState.SENT)
    return got.where(other.changed_at > now - _HOUR).correlate(StepMail).scalar_subquery() < MOST_AN_HOUR


def _told_by(mail: StepMail) -> Any:
    told = select(StepTold.step_id).join(EscalationStep, EscalationStep.id == StepTold.step_id)
    told = told.join(Conversation, Conversation.id == EscalationStep.conversation_id)
    return told.where(StepTold.mail_id == mail.id)


def _put_together(session: Session, mail: StepMail) -> set[int]:
    """Let one mail tell what others of its kind were to tell, and count anew; return those that it replaces."""
    session.flush()
    is_complaint = is_of_complaints(session, mail)
    same = select(StepMail.id).where(
        StepMail.member_id == mail.member_id,
        StepMail.organisation_id == mail.organisation_id,
        StepMail.urgency == mail.urgency,
        StepMail.state.in_(NOT_TAKEN),
        StepMail.attempts <= ATTEMPTS,
    )
    others = session.scalars(same.with_for_update(skip_locked=True)).all()
    of_kind = select(EscalationStep.id).join(Conversation, Conversation.id == EscalationStep.conversation_id)
    of_kind = of_kind.where(Conversation.is_complaint == is_complaint)
    moved = update(StepTold).where(StepTold.member_id == mail.member_id, StepTold.mail_id.in_(others))
    moved = moved.where(StepTold.step_id.in_(of_kind)).values(mail_id=mail.id)
    session.execute(moved, execution_options=PAST_MEMORY)
    lists = StepTold, OfferTold, UrgentRunTold
    is_empty = ~or_(*(exists().where(told.mail_id == StepMail.id) for told in lists))
    emptied = delete(StepMail).where(StepMail.id.in_(others), is_empty).returning(StepMail.id)
    gone = set(session.scalars(emptied, execution_options=PAST_MEMORY))
    waiting = _told_by(mail).where(Conversation.is_complaint == is_complaint, *still_waits())
    mail.conversations = session.scalar(waiting.with_only_columns(func.count(Conversation.id.distinct()))) or 0
    return gone
