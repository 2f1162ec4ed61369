"""What people do on WhatsApp reaches the application in Twilio's fields."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.process import SandboxProcess
from tests.sandbox.receiver import Receiver

PERSON, SENDER = "whatsapp:+380671234567", "whatsapp:+447700900100"
BASE = {"AccountSid", "ApiVersion", "Body", "From", "MessageSid", "NumMedia", "NumSegments", "SmsMessageSid"}
BASE |= {"SmsSid", "SmsStatus", "To", "MessagingServiceSid"}
WHATSAPP = {"WaId", "MessageType", "ChannelMetadata"}


@pytest.fixture
def application(sandbox: SandboxProcess, receiver: Receiver) -> Receiver:
    """A receiver that takes inbound messages."""
    sandbox.fixture(inbound_url=f"{receiver.url}/in")
    return receiver


def posted(sandbox: SandboxProcess, application: Receiver, **act: Any) -> dict[str, str]:
    """Let the person act and return the form that the application got, its signature checked."""
    sandbox.call("POST", "inbound", {"from": PERSON, **act})
    webhook = application.received.pop()
    assert application.is_signed(webhook)
    return webhook.form


def test_text_carries_who_wrote(sandbox: SandboxProcess, application: Receiver) -> None:
    form = posted(sandbox, application, text="Допоможіть", profile_name="Оксана")
    assert set(form) == BASE | WHATSAPP | {"ProfileName"}
    assert (form["From"], form["To"], form["Body"], form["NumSegments"]) == (PERSON, SENDER, "Допоможіть", "1")
    assert (form["ProfileName"], form["WaId"], form["MessageType"]) == ("Оксана", "380671234567", "text")
    context = json.loads(form["ChannelMetadata"])["data"]["context"]
    assert context == {"ProfileName": "Оксана", "WaId": "380671234567"}


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        (
            {"location": {"latitude": 50.45, "longitude": 30.52, "label": "Вокзал", "address": "Київ"}},
            {"Latitude": "50.45", "Longitude": "30.52", "Label": "Вокзал", "Address": "Київ", "Body": ""},
        ),
        (
            {"button_payload": "yes", "button_text": "Так", "reply_to": "SM1"},
            {"ButtonPayload": "yes", "ButtonText": "Так", "Body": "Так", "OriginalRepliedMessageSid": "SM1"},
        ),
        (
            {"list_id": "r1", "list_title": "Притулок"},
            {"ListId": "r1", "ListTitle": "Притулок", "Body": "Притулок"},
        ),
        (
            {"media": [{"url": "https://x/1.jpg"}, {"url": "https://x/2.ogg", "content_type": "audio/ogg"}]},
            {"NumMedia": "2", "MediaUrl0": "https://x/1.jpg", "MediaContentType1": "audio/ogg", "Body": ""},
        ),
    ],
    ids=["location", "button", "interactive", "image"],
)
def test_act_comes_in_its_own_fields(
    sandbox: SandboxProcess,
    application: Receiver,
    request: pytest.FixtureRequest,
    act: dict[str, Any],
    fields: dict[str, str],
) -> None:
    form = posted(sandbox, application, **act)
    assert {name: form[name] for name in fields} == fields
    assert form["MessageType"] == request.node.callspec.id
    assert "ChannelPrefix" not in form


def test_person_without_a_number_is_known_by_an_id(sandbox: SandboxProcess, application: Receiver) -> None:
    sandbox.call("POST", "inbound", {"from": "whatsapp:UA.8f2c", "text": "hello"})
    form = application.received[0].form
    assert (form["From"], form["ExternalUserId"]) == ("whatsapp:UA.8f2c", "UA.8f2c")
    assert "WaId" not in form


def test_person_may_have_both_number_and_id(sandbox: SandboxProcess, application: Receiver) -> None:
    form = posted(sandbox, application, text="hello", user_id="UA.8f2c")
    assert (form["WaId"], form["ExternalUserId"]) == ("380671234567", "UA.8f2c")


def test_sms_tells_countries_and_nothing_of_whatsapp(sandbox: SandboxProcess, application: Receiver) -> None:
    sandbox.call("POST", "inbound", {"from": "+380671234567", "text": "hello", "profile_name": "x"})
    form = application.received[0].form
    places = {f"{side}{place}" for side in ("From", "To") for place in ("City", "Status", "Zip", "Country")}
    assert set(form) == BASE | places
    assert (form["FromCountry"], form["ToCountry"], form["FromCity"]) == ("UA", "GB", "")


def test_act_is_kept_for_the_oracle(sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "inbound", {"from": PERSON, "button_payload": "yes", "button_text": "Так"})
    (message,) = sandbox.truth()
    assert (message["body"], message["details"]["ButtonPayload"]) == ("Так", "yes")
