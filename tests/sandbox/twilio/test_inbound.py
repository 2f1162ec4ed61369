"""People write, the application is called, and its answer reaches them."""

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.sandbox.process import SENDER, SERVICE, SandboxProcess
from tests.sandbox.receiver import Receiver

PERSON = "+380671234567"
TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response><Message>Дякуємо</Message></Response>'


def write(sandbox: SandboxProcess, text: str, **more: Any) -> dict[str, Any]:
    """Let the person write."""
    return sandbox.call("POST", "inbound", {"from": PERSON, "text": text, **more})


def test_inbound_is_posted_signed_with_twilios_fields(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    result = write(sandbox, "Де притулок?")
    (webhook,) = receiver.received
    assert receiver.is_signed(webhook)
    form = webhook.form
    assert (form["From"], form["To"], form["Body"]) == (PERSON, "+447700900100", "Де притулок?")
    assert form["MessageSid"] == form["SmsSid"] == form["SmsMessageSid"] == result["sid"]
    assert (form["NumMedia"], form["NumSegments"], form["SmsStatus"]) == ("0", "1", "received")
    assert form["MessagingServiceSid"] == SERVICE
    assert "OptOutType" not in form


def test_inbound_is_listed_as_a_message(client: Client, sandbox: SandboxProcess) -> None:
    sid = write(sandbox, "hello")["sid"]
    (message,) = client.messages.list(from_=PERSON)
    assert (message.sid, message.direction, message.status) == (sid, "inbound", "received")


def test_answer_goes_to_who_wrote_last(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=PERSON, from_="+447700900101", body="x")
    client.messages.create(to=PERSON, from_=SENDER, body="a name cannot be answered")
    assert write(sandbox, "ok")["to"] == "+447700900101"


def test_twiml_is_sent_back(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    receiver.answers[:] = [(200, "text/xml; charset=utf-8", TWIML)]
    assert write(sandbox, "hello")["replies"] == ["Дякуємо"]
    sandbox.settle()
    (reply,) = client.messages.list(to=PERSON)
    assert (reply.body, reply.direction, reply.status) == ("Дякуємо", "outbound-reply", "delivered")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((200, "text/xml", "<Response>"), 12100),
        ((200, "application/json", "{}"), 12300),
        ((500, "text/html", "oops"), 11200),
    ],
)
def test_unreadable_answer_is_an_alert(
    sandbox: SandboxProcess, receiver: Receiver, answer: tuple[int, str, str], code: int
) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    receiver.answers[:] = [answer]
    assert write(sandbox, "hello")["replies"] == []
    assert [alert["code"] for alert in sandbox.call("GET", "alerts")["alerts"]] == [code]


def test_stop_is_the_applications_business_by_default(
    client: Client, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    assert write(sandbox, "STOP")["opt_out_type"] is None
    assert client.messages.create(to=PERSON, messaging_service_sid=SERVICE, body="x").status == "accepted"
    sandbox.settle()
    assert [message["status"] for message in sandbox.truth(to=PERSON)] == ["delivered"]


def test_twilios_own_words_block_and_answer(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/in", advanced_opt_out=True)
    assert write(sandbox, " Stop ")["opt_out_type"] == "STOP"
    assert receiver.received[0].form["OptOutType"] == "STOP"
    blocked = client.messages.create(to=PERSON, messaging_service_sid=SERVICE, body="x")
    sandbox.settle()
    assert (blocked.fetch().status, blocked.fetch().error_code) == ("failed", 21610)
    assert [one.direction for one in client.messages.list(to=PERSON)] == ["outbound-api", "outbound-reply"]
    assert write(sandbox, "START")["opt_out_type"] == "START"
    freed = client.messages.create(to=PERSON, messaging_service_sid=SERVICE, body="x")
    sandbox.settle()
    assert freed.fetch().status == "delivered"


def test_block_holds_for_the_number_written_to(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(advanced_opt_out=True, services=[])
    write(sandbox, "STOP", to="+447700900100")
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=PERSON, from_="+447700900100", body="x")
    assert caught.value.code == 21610
    assert client.messages.create(to=PERSON, from_="+447700900101", body="x").status == "queued"


def test_dead_application_is_told_in_the_result(sandbox: SandboxProcess) -> None:
    sandbox.fixture(inbound_url="http://127.0.0.1:9/in")
    result = write(sandbox, "hello")
    assert (result["http_status"], result["cause"]) == (0, "ct")


def test_names_cannot_be_answered(sandbox: SandboxProcess) -> None:
    sandbox.fixture(senders=[{"address": "NAME"}], services=[])
    answer = sandbox.request("POST", "/_sandbox/inbound", json={"from": PERSON, "text": "x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "No sender can be answered: every one is a name.")
