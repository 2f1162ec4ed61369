"""Reads on who waits for too long: what one statement matches, and how many may be in danger now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.targets import STEPS, TARGETS, Step
from campaigns.inbox.urgency.levels import Urgency

_RED = dict(STEPS[Urgency.DANGER])[Step.RED].clock or timedelta()
_DUE = TARGETS[Urgency.DANGER].clock or timedelta()


def began() -> ColumnElement[datetime]:
    """Return when a wait began: as urgent as it is now, and not before the time to which it was put off."""
    return func.coalesce(Conversation.snoozed_until, Conversation.urgent_since, Conversation.waiting_since)


def began_at(conversation: Conversation) -> datetime | None:
    """Return the same of one conversation; None: nobody waits."""
    if conversation.waiting_since is None:
        return None
    return conversation.snoozed_until or conversation.urgent_since or conversation.waiting_since


def waits(urgency: Urgency, *, now: datetime) -> list[ColumnElement[bool]]:
    """Match conversations that wait with an urgency, and were not put off."""
    return [
        Conversation.urgency == urgency.value,
        Conversation.waiting_since.is_not(None),
        or_(Conversation.snoozed_until.is_(None), Conversation.snoozed_until <= now),
    ]


def waits_since(urgency: Urgency, since: datetime, *, now: datetime) -> list[ColumnElement[bool]]:
    """Match those of them whose wait began at a moment (UTC) or before."""
    # No wait began before something waited: the index of the queue ends the look there.
    return [*waits(urgency, now=now), Conversation.waiting_since <= since, began() <= since]


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
