"""Reads on how many may be in danger and wait now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.wait import began, waits
from campaigns.inbox.duty.targets import STEPS, TARGETS, Step
from campaigns.inbox.urgency.levels import Urgency

_RED = dict(STEPS[Urgency.DANGER])[Step.RED].clock or timedelta()
_DUE = TARGETS[Urgency.DANGER].clock or timedelta()


@dataclass(frozen=True, slots=True)
class Urgent:
    """How many conversations of an organisation are in danger's band, and how long the first waits."""

    organisation_id: int
    count: int
    since: datetime
    now: datetime

    @property
    def answer_until(self) -> datetime:
        """When the first of them is to be answered."""
        return self.since + _DUE

    @property
    def is_overdue(self) -> bool:
        """Whether it should have been answered by now."""
        return self.now >= self.answer_until

    @property
    def is_red(self) -> bool:
        """Whether everybody of the organisation is told."""
        return self.now >= self.since + _RED


def count_urgent(session: Session, organisation_ids: Collection[int], *, now: datetime) -> Sequence[Urgent]:
    """Count, for each organisation that has any, who may be in danger and waits."""
    columns: Any = select(Conversation.organisation_id, func.count(), func.min(began()))
    found = columns.where(Conversation.organisation_id.in_(organisation_ids), *waits(Urgency.DANGER, now=now))
    rows = session.execute(found.group_by(Conversation.organisation_id).order_by(Conversation.organisation_id))
    return [Urgent(organisation_id, count, since, now) for organisation_id, count, since in rows]
