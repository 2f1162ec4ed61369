"""Among thousands of harmless messages everybody in danger stands first in the queue, with a reason."""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle, islice
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from campaigns.audience.keywords import meaning_of
from campaigns.audience.models import Channel, Contact
from campaigns.core import clock
from campaigns.inbox.conversations.models import Conversation, ConversationState
from campaigns.inbox.conversations.queries import Wanted, select_queue
from campaigns.inbox.models import ReplyKind
from campaigns.inbox.urgency.judging import judge
from campaigns.inbox.urgency.levels import Urgency
from tests.factories import an_organisation
from tests.inbox.urgency.test_messages import LANGUAGES, messages

pytestmark = pytest.mark.one_database

HARMLESS = 5_000
#: What nobody of ours can read stands above every question, since it may be danger too.
WORDLESS = ("", "আমাদের সাহায্য করুন")


@pytest.mark.parametrize(
    "most", [pytest.param(3, id="some"), pytest.param(None, id="all", marks=pytest.mark.long)]
)
def test_danger_stands_first_among_thousands(session: Session, most: int | None) -> None:
    organisation = an_organisation(session)
    told = [message for language in LANGUAGES for message in messages("danger", language=language)[:most]]
    # How many are not heard, and how many harmless ones are too urgent, is measured beside the messages.
    danger = [message for message in told if judged(message)["urgency"] >= Urgency.DAY]
    assert len(danger) > 0.95 * len(told)
    harmless = [message for message in messages("harmless") if judged(message)["urgency"] < Urgency.DAY]
    # Everybody harmless has waited longer.
    waiting = [*islice(cycle(harmless), HARMLESS), *WORDLESS, *danger]
    contacts = _contacts(session, organisation.id, len(waiting))
    now = clock.now()
    session.execute(
        insert(Conversation),
        [
            {
                "organisation_id": organisation.id,
                "contact_id": contact_id,
                "state": ConversationState.NEW,
                "waiting_since": now - timedelta(days=1) + timedelta(seconds=number),
                "last_at": now,
                "channel": Channel.SMS,
                "created_at": now,
                **judged(message),
            }
            for number, (contact_id, message) in enumerate(zip(contacts, waiting, strict=True))
        ],
    )
    queue = session.scalars(select_queue(organisation.id, Wanted(), by=0, now=now)).all()
    assert len(queue) == len(waiting)
    first = queue[: len(danger) + len(WORDLESS)]
    assert {each.contact_id for each in first} == set(contacts[HARMLESS:])
    assert [each.contact_id for each in first if not each.reasons] == []
    levels = [each.urgency for each in queue]
    assert levels == sorted(levels, reverse=True)


def judged(message: str) -> dict[str, Any]:
    found = judge(message, ReplyKind(meaning_of(message) or ReplyKind.TEXT))
    return {
        "urgency": found.urgency,
        "reasons": [reason.to_json() for reason in found.reasons],
        "language": found.language,
    }


def _contacts(session: Session, organisation_id: int, count: int) -> list[int]:
    facts = {"organisation_id": organisation_id, "language": "uk", "created_at": clock.now()}
    rows = [facts] * count
    return list(session.scalars(insert(Contact).returning(Contact.id, sort_by_parameter_order=True), rows))
