"""Messages go through their stages with a callback for each, at the pace of their sender."""

from datetime import UTC, datetime

from twilio.rest import Client

from tests.sandbox.process import SENDER, SERVICE, SandboxProcess
from tests.sandbox.receiver import Receiver

TO = "+380671234567"
ALWAYS = {"AccountSid", "ApiVersion", "From", "To", "MessageSid", "MessageStatus", "SmsSid", "SmsStatus"}


def test_service_message_tells_each_stage_but_the_first(
    client: Client, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.fixture(profile={"stage": {"p50": 0.2}})
    message = client.messages.create(
        to=TO, messaging_service_sid=SERVICE, body="x", status_callback=f"{receiver.url}/s?m=42"
    )
    sandbox.settle()
    assert receiver.statuses() == ["queued", "sent", "delivered"]
    assert {webhook.path for webhook in receiver.received} == {"/s?m=42"}
    queued, _, delivered = (webhook.form for webhook in receiver.received)
    assert set(queued) == ALWAYS | {"MessagingServiceSid"}
    assert set(delivered) - set(queued) == {"RawDlrDoneDate"}
    assert (queued["MessageSid"], queued["To"]) == (message.sid, TO)
    assert queued["From"] == message.fetch().from_
    assert len(delivered["RawDlrDoneDate"]) == 10


def test_failure_carries_its_code(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    client.messages.create(to="+380670030003", from_=SENDER, body="x", status_callback=f"{receiver.url}/s")
    sandbox.settle()
    (undelivered,) = (webhook.form for webhook in receiver.received if webhook.status == "undelivered")
    assert undelivered["ErrorCode"] == "30003"
    assert undelivered["SmsStatus"] == "undelivered"


def test_service_has_a_place_for_callbacks_of_its_own(
    client: Client, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    pool = ["+447700900100"]
    sandbox.fixture(services=[{"sid": SERVICE, "pool": pool, "status_callback": f"{receiver.url}/service"}])
    for own in ({}, {"status_callback": f"{receiver.url}/own?m=1"}):
        client.messages.create(to="+380670099204", messaging_service_sid=SERVICE, body="x", **own)
    sandbox.settle()
    assert sorted(webhook.path for webhook in receiver.received) == ["/own?m=1"] * 2 + ["/service"] * 2


def test_message_without_callback_url_is_silent(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=TO, from_=SENDER, body="x")
    invariants = sandbox.settle()
    assert invariants["by_status"] == {"delivered": 1}
    assert invariants["callbacks"] == {}


def test_pace_spreads_parts_over_time(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    sandbox.fixture(pace=2)
    for _ in range(4):
        client.messages.create(to=TO, from_=SENDER, body="п" * 71)
    counts = []
    for _ in range(4):
        sandbox.call("POST", "clock", {"advance_s": 0.9})
        counts.append(sandbox.call("GET", "invariants")["by_status"].get("delivered", 0))
    assert counts == [1, 2, 3, 4]


def test_each_sender_has_its_own_pace(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    sandbox.fixture(senders=[{"address": "SLOW", "pace": 0.1}, {"address": "FAST"}])
    for sender in ("SLOW", "SLOW", "FAST", "FAST"):
        client.messages.create(to=TO, from_=sender, body="x")
    sandbox.call("POST", "clock", {"advance_s": 5})
    waiting = [message["from"] for message in sandbox.truth() if message["status"] == "queued"]
    assert waiting == ["SLOW"]


def test_message_expires_in_a_queue_too_long(client: Client, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    sandbox.fixture(pace=0.1)
    client.messages.create(to=TO, from_=SENDER, body="x" * 500)
    late = client.messages.create(
        to=TO, from_=SENDER, body="x", validity_period=20, status_callback=f"{receiver.url}/s"
    )
    sandbox.call("POST", "clock", {"advance_s": 19})
    assert late.fetch().status == "queued"
    sandbox.call("POST", "clock", {"advance_s": 2})
    assert (late.fetch().status, late.fetch().error_code) == ("failed", 30036)
    sandbox.settle()
    assert receiver.statuses() == ["failed"]


def test_full_queue_of_a_service_fails_the_message(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(pace=0.1, queue_s=15)
    for _ in range(4):
        client.messages.create(to=TO, messaging_service_sid=SERVICE, body="x")
        sandbox.call("POST", "clock", {"advance_s": 0.1})
    failed = [message["error_code"] for message in sandbox.truth() if message["status"] == "failed"]
    assert failed == [30001, 30001]


def test_person_keeps_the_senders_of_a_service(client: Client, sandbox: SandboxProcess) -> None:
    people = [f"+3806712345{place:02}" for place in range(12)]
    for to in people * 2:
        client.messages.create(to=to, messaging_service_sid=SERVICE, body="x")
    sandbox.settle()
    senders = {to: {message["from"] for message in sandbox.truth(to=to)} for to in people}
    assert all(len(mine) == 1 for mine in senders.values())
    assert len(set.union(*senders.values())) == 2


def test_canceled_message_says_so_and_stays_canceled(
    client: Client, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    now = sandbox.call("POST", "clock")["now"]
    message = client.messages.create(
        to=TO,
        messaging_service_sid=SERVICE,
        body="x",
        schedule_type="fixed",
        send_at=datetime.fromtimestamp(now + 3600, UTC),
        status_callback=f"{receiver.url}/s",
    )
    message.update(status="canceled")
    sandbox.call("POST", "clock", {"advance_s": 7200})
    sandbox.settle()
    assert receiver.statuses() == ["canceled"]
    assert message.fetch().status == "canceled"
