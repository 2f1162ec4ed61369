"""What one statement finds to be overdue is what is shown as overdue, one by one, on both databases."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.queries import count_overdue
from campaigns.inbox.conversations.wait import due_at, is_overdue
from campaigns.inbox.duty.duty_hours import DutyHours, Weekly
from campaigns.inbox.duty.roster import Roster, RosterEntry
from campaigns.inbox.urgency.levels import Urgency
from tests.factories import NOON, an_organisation
from tests.inbox.escalation.waiting import a_conversation

WORKDAYS = frozenset(range(5))
DAY = RosterEntry(1, "Day", Weekly(WORKDAYS, 8 * 60, 16 * 60), answering=(1,))
ARABIC = RosterEntry(2, "Arabic", Weekly(frozenset({1, 3}), 20 * 60, 2 * 60), frozenset({"ar"}), answering=(1,))
UKRAINIAN = RosterEntry(3, "Ukrainian", Weekly(WORKDAYS, 6 * 60, 22 * 60), frozenset({"uk"}), answering=(1,))


def a_roster(*entries: RosterEntry) -> Roster:
    return Roster(entries, "Europe/Kyiv", DutyHours.daily(8, 20, "Europe/Kyiv"), {1: []})


@pytest.mark.parametrize("entries", [(), (DAY,), (DAY, ARABIC), (ARABIC, UKRAINIAN)])
def test_statement_finds_what_the_pages_show(session: Session, entries: tuple[RosterEntry, ...]) -> None:
    ours, chance, roster = an_organisation(session), random.Random(7), a_roster(*entries)
    for _each in range(120):
        since = NOON - timedelta(minutes=chance.randrange(0, 6 * 24 * 60))
        put_off = chance.choice([None, None, None, NOON - timedelta(hours=2), NOON + timedelta(hours=2)])
        language = chance.choice(["ar", "uk", "so", None])
        conversation = a_conversation(
            session, ours, chance.choice(list(Urgency)), since=since, snoozed_until=put_off, language=language
        )
        conversation.urgent_since = chance.choice([None, since, min(NOON, since + timedelta(hours=5))])
        if chance.random() < 0.1:
            conversation.waiting_since = None
    session.flush()
    shown = set()
    for conversation in session.scalars(select(Conversation)):
        due = due_at(conversation, roster)
        if due is not None and due <= NOON and (conversation.snoozed_until or NOON) <= NOON:
            shown.add(conversation.id)
    found = set(session.scalars(select(Conversation.id).where(is_overdue(roster, now=NOON))))
    assert found == shown
    assert 10 < len(shown) < 110
    assert count_overdue(session, ours.id, roster, now=NOON) == len(shown)
