"""WhatsApp over Twilio against the sandbox process: templates, people without a number, lists of one channel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from campaigns.gateways.base import Action, Gateway, Outgoing, RejectedError, Template
from campaigns.gateways.callbacks import Callback, Happening, Verdict
from campaigns.gateways.kinds import Credential
from campaigns.gateways.twilio.callbacks import TwilioCallbacks
from campaigns.gateways.twilio.whatsapp import TwilioWhatsApp
from tests.gateways.conftest import a_message, twilio_at, using
from tests.sandbox.process import DEFAULTS, SERVICE, SandboxProcess
from tests.sandbox.receiver import Receiver

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)
READER = TwilioCallbacks([Credential(DEFAULTS.account_sid, DEFAULTS.auth_token)])
SID = "HX" + "5b" * 16
TEMPLATE = {"name": "help_line", "language": "uk", "body": "Лінія допомоги: {{1}}, цілодобово.", "sid": SID}
RENDERED = "Лінія допомоги: 0 800 500 335, цілодобово."


def whatsapp_at(url: str) -> Gateway:
    return TwilioWhatsApp(DEFAULTS.account_sid, DEFAULTS.auth_token, base_url=url, total_seconds=3.0)


def a_text(to: str = "+380671234567", **changes: Any) -> Outgoing:
    return a_message(to, **{"sender": "+447700900100"} | changes)


def a_template_message(**changes: Any) -> Outgoing:
    return a_text(body=RENDERED, template=Template(SID, {"1": "0 800 500 335"}), **changes)


def sent_form(sandbox: SandboxProcess) -> dict[str, list[str]]:
    return parse_qs(sandbox.call("GET", "requests")["requests"][0]["body"])


def test_free_text_names_its_channel(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=10)
    using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(a_text()))
    form = sent_form(sandbox)
    assert (form["To"], form["From"]) == (["whatsapp:+380671234567"], ["whatsapp:+447700900100"])
    assert form["Body"] == [a_text().body]


def test_template_replaces_the_text(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=10, templates=[TEMPLATE])
    using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(a_template_message(to="UA.8f2c")))
    form = sent_form(sandbox)
    assert form["To"] == ["whatsapp:UA.8f2c"]
    assert (form["ContentSid"], form["ContentVariables"]) == ([SID], ['{"1": "0 800 500 335"}'])
    assert "Body" not in form


def test_template_is_listed_as_it_reads(sandbox: SandboxProcess) -> None:
    sandbox.fixture(templates=[TEMPLATE])

    async def work(gateway: Gateway) -> None:
        accepted = await gateway.send(a_template_message())
        (listed,) = await gateway.list_to("+380671234567", AN_HOUR_AGO)
        assert (listed.provider_id, listed.body, listed.sender) == (
            accepted.provider_id,
            RENDERED,
            "+447700900100",
        )

    using(whatsapp_at(sandbox.url), work)


def test_service_sends_without_a_number(sandbox: SandboxProcess) -> None:
    async def work(gateway: Gateway) -> str:
        await gateway.send(a_text(sender=SERVICE))
        (listed,) = await gateway.list_to("+380671234567", AN_HOUR_AGO)
        return listed.sender

    assert using(whatsapp_at(sandbox.url), work) == SERVICE


def test_each_channel_lists_its_own(sandbox: SandboxProcess) -> None:
    async def ids(gateway: Gateway) -> list[str]:
        return [message.provider_id async for page in gateway.list_since(AN_HOUR_AGO) for message in page]

    sms = using(twilio_at(sandbox.url), lambda gateway: gateway.send(a_message()))
    whatsapp = using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(a_text()))
    assert using(twilio_at(sandbox.url), ids) == [sms.provider_id]
    assert using(whatsapp_at(sandbox.url), ids) == [whatsapp.provider_id]


@pytest.mark.parametrize(
    ("message", "code", "action"),
    [
        (a_template_message(), "21655", Action.PAUSE_RUN),
        (a_text(sender="+15550000000"), "63007", Action.PAUSE_SENDER),
    ],
    ids=["template", "sender"],
)
def test_refusal_blames_no_person(sandbox: SandboxProcess, message: Outgoing, code: str, action: Action) -> None:
    with pytest.raises(RejectedError) as caught:
        using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(message))
    assert (caught.value.code, caught.value.action) == (code, action)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def heard_by(receiver: Receiver) -> list[Callback]:
    """Return what the receiver got, in order; every one of it is signed."""
    calls = []
    for one in receiver.received:
        headers = {name.lower(): value for name, value in one.headers.items()}
        reference = one.path.partition("?m=")[2]
        calls.append(Callback(receiver.url + one.path, headers, one.body.encode(), reference=reference))
        assert READER.judge(calls[-1]) is Verdict.GENUINE
    return calls


def test_what_people_do_in_the_sandbox_is_heard(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(inbound_url=f"{receiver.url}/hooks/twilio/inbound")
    place = {"latitude": 50.4501, "longitude": 30.5234, "address": "Khreshchatyk 1"}
    button = {"button_payload": "help", "button_text": "Допомога"}
    for act in ({"text": "Привіт"}, {"location": place}, button, {"list_id": "1", "list_title": "Львів"}):
        sandbox.call("POST", "inbound", {"from": "whatsapp:UA.8f2c1d", **act})
    heard = [inbound for call in heard_by(receiver) for inbound in READER.read_inbound(call)]
    assert [(one.happening, one.text, one.payload, one.location) for one in heard] == [
        (Happening.WROTE, "Привіт", "", None),
        (Happening.SHARED_LOCATION, "", "", (50.4501, 30.5234)),
        (Happening.PRESSED_BUTTON, "Допомога", "help", None),
        (Happening.PRESSED_BUTTON, "Львів", "1", None),
    ]
    assert {(one.from_handle, one.channel) for one in heard} == {("UA.8f2c1d", "whatsapp")}
    assert not [value for one in heard for value in one.raw.values() if "8f2c1d" in value or "50.45" in value]


def test_read_receipt_follows_delivery(sandbox: SandboxProcess, receiver: Receiver) -> None:
    profile = {"stage": {"p50": 0.003, "p99": 0.006}, "read_p": 1.0}
    sandbox.fixture(templates=[TEMPLATE], profile=profile)
    message = a_template_message(callback_url=f"{receiver.url}/hooks/twilio/status?m=ref1")
    accepted = using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(message))
    sandbox.settle()
    updates = [update for call in heard_by(receiver) for update in READER.read_statuses(call)]
    assert "read" in [update.status for update in updates]
    assert {(update.reference, update.provider_id) for update in updates} == {("ref1", accepted.provider_id)}


def test_closed_window_leaves_other_channels(sandbox: SandboxProcess, receiver: Receiver) -> None:
    message = a_text(callback_url=f"{receiver.url}/hooks/twilio/status?m=ref1")
    using(whatsapp_at(sandbox.url), lambda gateway: gateway.send(message))
    sandbox.settle()
    update = READER.read_statuses(heard_by(receiver)[-1])[0]
    assert (update.status, update.error, update.action) == ("failed", "63016", Action.OTHER_CHANNEL)
    assert not [value for value in update.raw.values() if "1234567" in value]
