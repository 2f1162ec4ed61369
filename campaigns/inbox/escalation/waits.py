"""Reads on how many may be in danger and wait now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began, waits
from campaigns.inbox.duty.targets import STEPS, TARGETS, Step
from campaigns.inbox.escalation.models import EscalationStep, PostState, StepMail
from campaigns.inbox.urgency.levels import Urgency
from campaigns.staff.models import Member

_RED = dict(STEPS[Urgency.DANGER])[Step.RED].clock or timedelta()
_DUE = TARGETS[Urgency.DANGER].clock or timedelta()

#: For so long members are told whose mails are not taken.
_LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Urgent:
    """How many conversations of an organisation are in danger's band, and how long the first waits."""

    organisation_id: int
    count: int
    since: datetime
    now: datetime
    #: Whether everybody of the organisation is told.
    is_red: bool

    @property
    def answer_until(self) -> datetime:
        """When the first of them is to be answered."""
        return self.since + _DUE

    @property
    def is_overdue(self) -> bool:
        """Whether it should have been answered by now."""
        return self.now >= self.answer_until


def count_urgent(session: Session, organisation_ids: Collection[int], *, now: datetime) -> Sequence[Urgent]:
    """Count, for each organisation that has any, who may be in danger and waits."""
    # By the clock, should no worker live; or sooner, where no mail of an earlier step was taken.
    is_red = EscalationStep.step.is_not(None) | (began() <= now - _RED)
    red = func.max(case((is_red, 1), else_=0))
    columns: Any = select(Conversation.organisation_id, func.count(), func.min(began()), red)
    step = (EscalationStep.conversation_id == Conversation.id) & (EscalationStep.since == began())
    found = columns.outerjoin(EscalationStep, step & (EscalationStep.step == Step.RED)).where(
        Conversation.organisation_id.in_(organisation_ids), *waits(Urgency.DANGER, now=now)
    )
    rows = session.execute(found.group_by(Conversation.organisation_id).order_by(Conversation.organisation_id))
    return [Urgent(organisation_id, count, since, now, bool(red)) for organisation_id, count, since, red in rows]


def find_unreached(session: Session, organisation_id: int, *, now: datetime) -> Sequence[str]:
    """Return the names of active members of an organisation whose last mail lately was not taken."""
    latest = select(func.max(StepMail.id)).where(
        StepMail.organisation_id == organisation_id, StepMail.created_at > now - _LATELY
    )
    names = select(Member.name).join(StepMail, StepMail.member_id == Member.id)
    names = names.where(StepMail.id.in_(latest.group_by(StepMail.member_id)), Member.active)
    return session.scalars(names.where(StepMail.state == PostState.FAILED).order_by(Member.name)).all()
