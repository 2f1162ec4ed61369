"""Nothing keeps the minute at which somebody without a name did something; the queue's clock works all the same.

Every column is looked through, so that a new one with a time is found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from campaigns.core import clock
from campaigns.core.database import UTCDateTime
from campaigns.core.keys.crypto import Vault
from campaigns.inbox.complaints.models import ComplaintReader
from campaigns.inbox.conversations.models import Conversation
from campaigns.inbox.conversations.thread import load_thread
from campaigns.inbox.unnamed.sent_forms import AGAIN_WITHIN, forget_forms
from campaigns.inbox.urgency.levels import Urgency
from campaigns.schema import metadata
from campaigns.staff.audit import verify_chain
from campaigns.staff.models import LeakyBucket, Role
from tests.inbox.unnamed.test_likeness import answer, waiting
from tests.inbox.unnamed.test_whole_way import act, tell
from tests.moments import standing_at
from tests.web.pages import Pages

#: A moment that no hour and no five minutes begin with; it is the future, so nothing else happened then.
AT = datetime(2031, 5, 6, 14, 23, 17, 123_456, UTC)
QUESTION, DANGER = "Where do women sleep near the station?", "I am locked in and they beat me"


def moments(pages: Pages) -> Iterator[tuple[str, datetime]]:
    """Every time that is kept, but for buckets, which leak, of the day on which people wrote."""
    with pages.sessions() as session:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, UTCDateTime) and table.name != LeakyBucket.__tablename__:
                    for moment in session.scalars(select(column).where(column.is_not(None))):
                        if abs(moment - AT) < timedelta(days=2):
                            yield f"{table.name}.{column.name}", moment


@pytest.mark.both_databases
def test_no_row_knows_the_minute_of_what_they_did(pages: Pages, people: FlaskClient) -> None:
    reader = pages.member(Role.RESPONDER)
    with pages.sessions.begin() as session:
        session.add(ComplaintReader(organisation_id=pages.ours.id, member_id=reader.id))
    with standing_at(AT):
        code = tell(people, QUESTION)
        act(people, code, "add", text="It is cold here")
        act(people, code, "reach", text="anna@example.org")
        tell(people, "Your helper asked me for money", theme="us")
        act(people, tell(people, "Something was seen at the harbour"), "erase")
    with standing_at(AT + AGAIN_WITHIN + timedelta(seconds=10)):
        forget_forms(pages.sessions)
    kept = dict.fromkeys(moments(pages))
    assert len(kept) > 8
    assert [(name, at) for name, at in kept if at != clock.hour_of(at)] == []
    assert {at for name, at in kept if name.startswith(("audit_entry.", "contact."))} == {clock.day_of(AT)}
    with pages.sessions() as session:
        assert verify_chain(session) is None


def test_wait_in_danger_begins_with_its_five_minutes_and_goes_on(pages: Pages, people: FlaskClient) -> None:
    five = AT.replace(minute=20, second=0, microsecond=0)
    with standing_at(AT):
        code = tell(people, DANGER)
    with standing_at(AT + timedelta(minutes=7)):
        act(people, code, "add", text=DANGER)
    with pages.sessions() as session:
        found = session.scalars(select(Conversation)).one()
        assert (found.urgency, found.urgent_since) == (Urgency.DANGER, five)
    assert {at for name, at in moments(pages) if at != clock.hour_of(at) and name != "sent_form.sent_at"} == {five}


def test_who_may_be_in_danger_only_now_waits_since_now(pages: Pages, people: FlaskClient) -> None:
    with standing_at(AT):
        code = tell(people, QUESTION)
    with standing_at(AT + timedelta(hours=5)):
        act(people, code, "add", text=DANGER)
    with pages.sessions() as session:
        since = session.scalars(select(Conversation.urgent_since)).one()
    assert since == AT.replace(hour=19, minute=20, second=0, microsecond=0)


def test_thread_keeps_its_order_within_an_hour(pages: Pages, people: FlaskClient, vault: Vault) -> None:
    with standing_at(AT):
        code = tell(people, QUESTION)
    with standing_at(AT + timedelta(minutes=5)):
        answer(pages, waiting(pages)[0])
    with standing_at(AT + timedelta(minutes=6)):
        act(people, code, "add", text="Thank you")
    with pages.sessions() as session:
        conversation = session.scalars(select(Conversation)).one()
        entries = load_thread(session, conversation, vault=vault, now=AT + timedelta(minutes=7))
    assert [bool(each.heard) for each in entries] == [True, False, True]


def test_what_is_written_within_an_hour_is_read_in_its_order(people: FlaskClient) -> None:
    code = tell(people, "First of all")
    act(people, code, "add", text="Then this")
    shown = act(people, code, "add", text="رقمهم +380 50 123 45 67 اتصلوا")
    assert shown.index("First of all") < shown.index("Then this") < shown.index("اتصلوا")
    # Whoever cannot wait for an answer comes to a number.
    assert 'href="/en/pl"' in shown
    # Between Arabic words its groups would be read from the right.
    assert '<bdi dir="ltr" class="n">+380 50 123 45 67</bdi>' in shown
