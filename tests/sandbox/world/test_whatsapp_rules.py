"""WhatsApp people are written to as WhatsApp allows: in their window, or with an approved template."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from campaigns.sandbox.world.fixture import Fixture
from campaigns.sandbox.world.whatsapp_rules import WhatsApp
from tests.sandbox.process import QUICK, SERVICE, SandboxProcess
from tests.sandbox.receiver import Receiver

SENDER, PERSON, HIDDEN = "whatsapp:+447700900100", "whatsapp:+380671234567", "whatsapp:UA.8f2c"
DAY_S = 86_400
TEMPLATE = {"name": "news", "body": "Hello {{1}}, here is help.", "sid": "HX" + "1" * 32}


def send(client: Client, to: str = PERSON, **fields: Any) -> Any:
    """Create a message from the WhatsApp sender."""
    return client.messages.create(to=to, from_=SENDER, **({"body": "x"} | fields))


def ends(client: Client, sandbox: SandboxProcess) -> list[tuple[str | None, int | None]]:
    """Return how outgoing messages ended, the oldest first."""
    sandbox.settle()
    listed = [message for message in client.messages.list() if message.direction == "outbound-api"]
    return [(message.status, message.error_code) for message in reversed(listed)]


@pytest.mark.parametrize("person", [PERSON, HIDDEN])
def test_window_opens_with_a_message_and_closes_after_a_day(
    client: Client, sandbox: SandboxProcess, person: str
) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    for advance in (0, DAY_S - 60, 120):
        if not advance:
            send(client, person)
            sandbox.call("POST", "clock", {"advance_s": 1})
            sandbox.call("POST", "inbound", {"from": person, "text": "hello"})
        sandbox.call("POST", "clock", {"advance_s": advance})
        send(client, person)
        sandbox.call("POST", "clock", {"advance_s": 1})
    assert ends(client, sandbox) == [
        ("failed", 63016),
        ("delivered", None),
        ("delivered", None),
        ("failed", 63016),
    ]
    assert sandbox.call("GET", "invariants")["freeform_outside_window"] == 2


def test_approved_template_needs_no_window(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(templates=[TEMPLATE, {"name": "draft", "body": "Hello", "status": "pending"}])
    draft = next(one.sid for one in client.content.v1.contents.list() if one.friendly_name == "draft")
    message = send(client, body=None, content_sid=TEMPLATE["sid"], content_variables='{"1": "Oksana"}')
    send(client, body=None, content_sid=draft)
    assert ends(client, sandbox) == [("delivered", None), ("failed", 63016)]
    assert message.body == "Hello Oksana, here is help."
    assert sandbox.truth()[0]["price"] == 0.05
    assert sandbox.call("GET", "invariants")["freeform_outside_window"] == 0


@pytest.mark.parametrize(
    ("change", "variables", "code"),
    [
        ({}, "{}", 63028),
        ({"variables": {"1": "you"}}, "{}", None),
        ({"status": "paused"}, '{"1": "a"}', 63041),
        ({"status": "rejected"}, '{"1": "a"}', 63016),
    ],
)
def test_template_fails_for_its_reason(
    client: Client, sandbox: SandboxProcess, change: dict[str, Any], variables: str, code: int | None
) -> None:
    sandbox.fixture(templates=[{**TEMPLATE, **change}])
    send(client, body=None, content_sid=TEMPLATE["sid"], content_variables=variables)
    assert [end[1] for end in ends(client, sandbox)] == [code]


def test_fixture_opens_windows_to_every_sender(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(whatsapp_windows={PERSON: 3600})
    send(client)
    assert ends(client, sandbox) == [("delivered", None)]


def test_other_changes_of_the_fixture_leave_windows_alone(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    sandbox.fixture(whatsapp_windows={PERSON: 60})
    sandbox.call("POST", "clock", {"advance_s": 59})
    sandbox.fixture(pace=80)
    sandbox.call("POST", "clock", {"advance_s": 2})
    send(client)
    sandbox.call("POST", "clock", {"advance_s": 2})
    assert ends(client, sandbox) == [("failed", 63016)]


def test_service_writes_to_whatsapp_people_from_its_whatsapp_sender(
    client: Client, sandbox: SandboxProcess
) -> None:
    sandbox.fixture(whatsapp_windows={PERSON: 3600})
    for to in (PERSON, "+380671234567"):
        client.messages.create(to=to, messaging_service_sid=SERVICE, body="x")
    sandbox.settle()
    senders = [(message["channel"], message["from"]) for message in sandbox.truth()]
    assert senders[0] == ("whatsapp", SENDER)
    assert senders[1][0] == "sms"
    assert senders[1][1].startswith("+44770090010")


def test_tier_counts_people_of_a_moving_day() -> None:
    rules = WhatsApp()
    rules.load(Fixture(whatsapp_tier=2), 0.0)

    def code(person: str, hour: float) -> int:
        return rules.error_of(person, SENDER, now=hour * 3600, template_status="approved")

    assert [code("a", 1), code("b", 2), code("a", 3), code("c", 4)] == [0, 0, 0, 63018]
    assert [code("c", 26.5), code("b", 26.9), code("b", 27.1), code("a", 27.2)] == [0, 63018, 0, 63018]


def test_tier_spares_open_windows(client: Client, sandbox: SandboxProcess) -> None:
    people = [f"whatsapp:+38067123450{place}" for place in range(3)]
    sandbox.fixture(templates=[TEMPLATE], whatsapp_tier=1, whatsapp_windows={people[2]: 60})
    for person in people:
        send(client, person, body=None, content_sid=TEMPLATE["sid"], content_variables='{"1": "a"}')
        # Each of two at once may be the one that fills the tier.
        sandbox.settle()
    assert ends(client, sandbox) == [("delivered", None), ("failed", 63018), ("delivered", None)]


def test_test_number_asks_for_its_join_word(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(whatsapp_join="sea-otter", inbound_url=f"{receiver.url}/in")
    send(client)
    sandbox.settle()
    assert "not connected" in sandbox.call("POST", "inbound", {"from": PERSON, "text": "hello"})["replies"][0]
    assert "all set" in sandbox.call("POST", "inbound", {"from": PERSON, "text": "Join sea-otter"})["replies"][0]
    assert receiver.received == []
    send(client)
    sandbox.call("POST", "inbound", {"from": PERSON, "text": "hello"})
    assert ends(client, sandbox) == [("failed", 63015), ("delivered", None)]
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("to", "fixture", "code"),
    [
        (PERSON, {"not_on_whatsapp": [PERSON]}, 63024),
        ("whatsapp:+380670063003", {}, 63003),
        (PERSON, {"profile": {**QUICK, "outcomes": {"undelivered": {"30005": 1.0}}}}, 63024),
    ],
)
def test_nobody_there_fails(
    client: Client, sandbox: SandboxProcess, to: str, fixture: dict[str, Any], code: int
) -> None:
    sandbox.fixture(whatsapp_windows={to: 60}, **fixture)
    send(client, to)
    assert ends(client, sandbox) == [("failed", code)]


@pytest.mark.parametrize(
    ("to", "sender", "code"),
    [
        (PERSON, "+447700900100", 21910),
        ("+380671234567", SENDER, 21910),
        (PERSON, "whatsapp:+447700900999", 63007),
        ("whatsapp:0671234567", SENDER, 21211),
        ("whatsapp:ua.1", SENDER, 21211),
    ],
)
def test_both_ends_must_be_on_whatsapp(client: Client, to: str, sender: str, code: int) -> None:
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=to, from_=sender, body="x")
    assert (caught.value.status, caught.value.code) == (400, code)


def test_choice_of_countries_is_for_sms(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(countries=["+48"])
    assert send(client).status == "queued"


def test_buttons_of_a_template_are_kept_for_the_phone(client: Client, sandbox: SandboxProcess) -> None:
    types = {"twilio/quick-reply": {"body": "Need help?", "actions": [{"title": "Yes", "id": "yes"}]}}
    sandbox.fixture(templates=[{**TEMPLATE, "types": types}])
    message = send(client, body=None, content_sid=TEMPLATE["sid"])
    assert message.body == "Need help?"
    assert sandbox.truth()[0]["content_sid"] == TEMPLATE["sid"]
