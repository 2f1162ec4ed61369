"""Reads on how many may be in danger and wait now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began, waits
from campaigns.inbox.duty.targets import STEPS, TARGETS, Step
from campaigns.inbox.escalation.models import NOT_TAKEN, EscalationStep, StepMail
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member, Membership
from campaigns.staff.queries import owned

_RED = dict(STEPS[Urgency.DANGER])[Step.RED].clock or timedelta()
#: Whoever waits for so long is told to the partner on call.
CALLED_AFTER = dict(STEPS[Urgency.DANGER])[Step.LEAD].clock or timedelta()
_DUE = TARGETS[Urgency.DANGER].clock or timedelta()

#: So many are counted of an organisation: every page asks, and more are "many" to whoever reads.
MOST = 100
#: For so long members are told whose mails are not taken.
_LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Urgent:
    """How many conversations of an organisation are in danger's band, and how long the first waits."""

    organisation_id: int
    #: At most MOST.
    count: int
    since: datetime
    now: datetime
    #: Whether everybody of the organisation is told.
    is_red: bool

    @property
    def shown_count(self) -> str:
        """How many, as a reader is told."""
        return str(self.count) if self.count < MOST else f"{MOST - 1}+"

    @property
    def answer_until(self) -> datetime:
        """When the first of them is to be answered."""
        return self.since + _DUE

    @property
    def is_overdue(self) -> bool:
        """Whether it should have been answered by now."""
        return self.now >= self.answer_until


def count_urgent(
    session: Session, organisation_ids: Collection[int], *, now: datetime, waited: timedelta = timedelta()
) -> Sequence[Urgent]:
    """Count, for each organisation that has any, who may be in danger and waits now (UTC), for so long at least.

    Beyond MOST nobody is counted.
    """
    if not organisation_ids:
        return []
    moments = {"now": now, "since": now - waited, "red_since": now - _RED}
    rows = session.execute(_counts_of(tuple(sorted(organisation_ids))), moments).all()
    return [Urgent(which, people, since, now, bool(red)) for which, people, since, red in rows if people]


@lru_cache
def _counts_of(organisation_ids: tuple[int, ...]) -> CompoundSelect[*tuple[Any, ...]]:
    """Return the statement, kept because every page asks: to make it takes longer than to run it."""
    return union_all(*map(_count_of, organisation_ids))


def _count_of(organisation_id: int) -> Select[*tuple[Any, ...]]:
    """Count those of one organisation whose oldest message has waited longest, as the index of the queue has them.

    Of those who are left out nobody has waited longer as urgently, unless all others were put off or in no danger
    at first.
    """
    waiting = owned(select(Conversation.id, began().label("since")), Conversation, organisation_id)
    waiting = waiting.where(*waits(Urgency.DANGER, now=bindparam("now")), began() <= bindparam("since"))
    first = waiting.order_by(Conversation.waiting_since).limit(MOST).subquery()
    # By the clock, should no worker live; or sooner, where no mail of an earlier step was taken: it is nobody's
    # then, so that those who wait longest are among whom it was.
    is_red = EscalationStep.step.is_not(None) | (first.c.since <= bindparam("red_since"))
    step = (EscalationStep.conversation_id == first.c.id) & (EscalationStep.since == first.c.since)
    red = func.max(case((is_red, 1), else_=0))
    columns = select(literal(organisation_id), func.count(), func.min(first.c.since), red)
    return columns.select_from(first).outerjoin(EscalationStep, step & (EscalationStep.step == Step.RED))


def find_unreached(session: Session, organisation_id: int, *, now: datetime) -> Sequence[str]:
    """Return the names of active members of an organisation whose last mail lately was not taken."""
    of_us = select(Membership.member_id).where(Membership.organisation_id == organisation_id)
    # Of a partner on call members are told in another organisation's name.
    latest = select(func.max(StepMail.id)).where(
        StepMail.member_id.in_(of_us), StepMail.created_at > now - _LATELY
    )
    names = select(Member.name).join(StepMail, StepMail.member_id == Member.id)
    names = names.where(StepMail.id.in_(latest.group_by(StepMail.member_id)), Member.active)
    return session.scalars(names.where(StepMail.state.in_(NOT_TAKEN)).order_by(Member.name)).all()
