"""Lists are filtered, newest first, and their pages stay put."""

from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from tests.sandbox.process import SENDER, SandboxProcess

PEOPLE = [f"+38067123450{place}" for place in range(7)]


@pytest.fixture
def sent(client: Client) -> list[str]:
    """Sids of seven messages to seven people, oldest first."""
    return [client.messages.create(to=to, from_=SENDER, body="x").sid or "" for to in PEOPLE]


def test_pages_follow_each_other_newest_first(client: Client, sent: list[str]) -> None:
    assert [message.sid for message in client.messages.list(page_size=2)] == sent[::-1]
    assert [message.sid for message in client.messages.list(limit=3)] == sent[:-4:-1]


def test_new_messages_do_not_shift_later_pages(client: Client, sent: list[str]) -> None:
    page = client.messages.page(page_size=3)
    assert [message.sid for message in page] == sent[:3:-1]
    client.messages.create(to=PEOPLE[0], from_=SENDER, body="y")
    page = page.next_page()
    assert [message.sid for message in page] == sent[3:0:-1]
    assert [message.sid for message in page.previous_page()] == sent[:3:-1]
    assert page.next_page().next_page() is None


def test_people_and_senders_filter(client: Client, sent: list[str]) -> None:
    client.messages.create(to=PEOPLE[2], from_="+447700900100", body="y")
    assert [message.to for message in client.messages.list(to=PEOPLE[2])] == [PEOPLE[2]] * 2
    assert [message.sid for message in client.messages.list(to=PEOPLE[2], from_=SENDER)] == [sent[2]]
    assert client.messages.list(to="+380990000000") == []


def test_dates_filter_by_when_it_was_sent(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    sids = []
    for _ in range(3):
        sids.append(client.messages.create(to=PEOPLE[0], from_=SENDER, body="x").sid)
        sandbox.call("POST", "clock", {"advance_s": 86_400})
    moments = [message.date_sent for message in reversed(client.messages.list())]
    listed = [message.sid for message in client.messages.list(date_sent_after=moments[1])]
    assert listed == [sids[2], sids[1]]
    assert [one.sid for one in client.messages.list(date_sent_before=moments[1])] == [sids[1], sids[0]]
    assert [one.sid for one in client.messages.list(date_sent=moments[1].date())] == [sids[1]]


def test_unsent_messages_have_no_date_to_match(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    client.messages.create(to=PEOPLE[0], from_=SENDER, body="x")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert client.messages.list(to=PEOPLE[0], date_sent_after=yesterday) == []
    assert len(client.messages.list(to=PEOPLE[0])) == 1


def test_unreadable_date_is_refused(client: Client) -> None:
    with pytest.raises(TwilioException) as caught:
        client.messages.list(date_sent="yesterday")
    assert caught.value.args[1].status_code == 400
