"""A conversation waits since a moment, and until another: of one in Python, of all in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, and_, false, func, or_

from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.duty.roster import LanguageGroup, Roster
from campaigns.inbox.duty.targets import TARGETS, Wait, answer_until
from campaigns.inbox.urgency.levels import Urgency


def began() -> ColumnElement[datetime]:
    """Return when a wait began: as urgent as it is now, and not before the time to which it was put off."""
    return func.coalesce(Conversation.snoozed_until, Conversation.urgent_since, Conversation.waiting_since)


def began_at(conversation: Conversation) -> datetime | None:
    """Return the same of one conversation; None: nobody waits."""
    if conversation.waiting_since is None:
        return None
    return conversation.snoozed_until or conversation.urgent_since or conversation.waiting_since


def due_at(conversation: Conversation, roster: Roster) -> datetime | None:
    """Return until when (UTC) whoever waits is to be answered; None: nobody waits, or no time is set."""
    since = began_at(conversation)
    return (
        None if since is None else answer_until(conversation.urgency, since, roster.hours(conversation.language))
    )


def waits(urgency: Urgency, *, now: datetime | BindParameter[datetime]) -> list[ColumnElement[bool]]:
    """Match conversations that wait with an urgency, and were not put off."""
    return [
        Conversation.urgency == urgency.value,
        Conversation.waiting_since.is_not(None),
        or_(Conversation.snoozed_until.is_(None), Conversation.snoozed_until <= now),
    ]


def waits_over(
    urgency: Urgency, wait: Wait, groups: Sequence[LanguageGroup], *, now: datetime
) -> ColumnElement[bool]:
    """Match those who waited for so long, each by the duty hours of their language."""
    if wait.is_by_clock:
        groups = groups[-1:]
    ends = [(group, wait.over_since(now, group.hours)) for group in groups]
    # No wait began before something waited: the index of the queue ends the look there.
    over = [
        and_(Conversation.waiting_since <= since, began() <= since, *([] if wait.is_by_clock else _in(group)))
        for group, since in ends
        if since is not None
    ]
    return and_(*waits(urgency, now=now), or_(false(), *over))


def is_overdue(roster: Roster, *, now: datetime) -> ColumnElement[bool]:
    """Match conversations of the roster's organisation that should have been answered by now."""
    groups = roster.groups()
    return or_(*(waits_over(urgency, wait, groups, now=now) for urgency, wait in TARGETS.items()))


def _in(group: LanguageGroup) -> list[ColumnElement[bool]]:
    if not group.is_others:
        return [Conversation.language.in_(sorted(group.languages))]
    if not group.languages:
        return []
    return [or_(Conversation.language.is_(None), Conversation.language.not_in(sorted(group.languages)))]
