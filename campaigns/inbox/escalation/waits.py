"""Reads on how many may be in danger and wait now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, case, func, literal, select, union_all
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began, waits
from campaigns.inbox.duty.targets import STEPS, TARGETS, Step
from campaigns.inbox.escalation.models import EscalationStep, PostState, StepMail
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member
from campaigns.staff.queries import owned

_RED = dict(STEPS[Urgency.DANGER])[Step.RED].clock or timedelta()
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


def count_urgent(session: Session, organisation_ids: Collection[int], *, now: datetime) -> Sequence[Urgent]:
    """Count, for each organisation that has any, who may be in danger and waits; beyond MOST nobody is counted."""
    if not organisation_ids:
        return []
    counts = (_count_of(organisation_id, now) for organisation_id in sorted(organisation_ids))
    rows = session.execute(union_all(*counts)).all()
    return [Urgent(row.organisation_id, row.count, row.since, now, bool(row.red)) for row in rows if row.count]


def _count_of(organisation_id: int, now: datetime) -> Select[Any]:
    """Count those of one organisation whose oldest message has waited longest, as the index of the queue has them.

    Of those who are left out nobody has waited longer as urgently, unless all others were put off or in no danger
    at first.
    """
    waiting = owned(select(Conversation.id, began().label("since")), Conversation, organisation_id)
    waiting = waiting.where(*waits(Urgency.DANGER, now=now))
    first = waiting.order_by(Conversation.waiting_since).limit(MOST).subquery()
    # By the clock, should no worker live; or sooner, where no mail of an earlier step was taken: it is nobody's
    # then, so that those who wait longest are among whom it was.
    is_red = EscalationStep.step.is_not(None) | (first.c.since <= now - _RED)
    step = (EscalationStep.conversation_id == first.c.id) & (EscalationStep.since == first.c.since)
    columns: Any = select(
        literal(organisation_id).label("organisation_id"),
        func.count().label("count"),
        func.min(first.c.since).label("since"),
        func.max(case((is_red, 1), else_=0)).label("red"),
    )
    return columns.select_from(first).outerjoin(EscalationStep, step & (EscalationStep.step == Step.RED))


def find_unreached(session: Session, organisation_id: int, *, now: datetime) -> Sequence[str]:
    """Return the names of active members of an organisation whose last mail lately was not taken."""
    latest = select(func.max(StepMail.id)).where(
        StepMail.organisation_id == organisation_id, StepMail.created_at > now - _LATELY
    )
    names = select(Member.name).join(StepMail, StepMail.member_id == Member.id)
    names = names.where(StepMail.id.in_(latest.group_by(StepMail.member_id)), Member.active)
    return session.scalars(names.where(StepMail.state == PostState.FAILED).order_by(Member.name)).all()
