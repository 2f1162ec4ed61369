"""A message and its callbacks on the wire, as the specification records them, over SMS and over WhatsApp."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.sandbox.process import DEFAULTS, SERVICE, SandboxProcess
from tests.sandbox.receiver import Receiver
from tests.wire.twilio_client import TwilioClient

# The asynchronous client calls aiohttp in an old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")

RFC_2822 = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} \+0000")
UNREACHABLE = "+380670030003"
WHATSAPP, PERSON = "whatsapp:+447700900100", "whatsapp:+380671234567"
STEADY = {"stage": {"p50": 0.04}}


def form_of(webhooks: list[dict[str, str]], status: str) -> dict[str, str]:
    """Return the one form that tells a status."""
    (form,) = [form for form in webhooks if form["MessageStatus"] == status]
    return form


def test_unreachable_number_is_told_in_three_callbacks(
    twilio: TwilioClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.fixture(profile=STEADY)
    callback = f"{receiver.url}/hooks/twilio/status?m=42"
    created = twilio.do(
        twilio.api.messages,
        "create_with_http_info",
        to=UNREACHABLE,
        messaging_service_sid=SERVICE,
        body="x",
        status_callback=callback,
    )
    assert (created.status_code, created.headers["Twilio-Request-Id"][:2]) == (201, "RQ")
    sandbox.settle()
    assert [webhook.path for webhook in receiver.received] == ["/hooks/twilio/status?m=42"] * 3
    assert all(receiver.is_signed(webhook) for webhook in receiver.received)
    forms = [webhook.form for webhook in receiver.received]
    sid = created.data.sid
    always = {
        "AccountSid": DEFAULTS.account_sid,
        "ApiVersion": "2010-04-01",
        "From": forms[0]["From"],
        "MessageSid": sid,
        "MessagingServiceSid": SERVICE,
        "SmsSid": sid,
        "To": UNREACHABLE,
    }
    done = {"ErrorCode": "30003", "RawDlrDoneDate": forms[2].get("RawDlrDoneDate", "")}
    assert forms == [
        {**always, "MessageStatus": "queued", "SmsStatus": "queued"},
        {**always, "MessageStatus": "sent", "SmsStatus": "sent"},
        {**always, "MessageStatus": "undelivered", "SmsStatus": "undelivered", **done},
    ]
    assert (
        abs(datetime.strptime(f"{done['RawDlrDoneDate']}+0000", "%y%m%d%H%M%z") - datetime.now(UTC)).seconds < 90
    )


def test_resource_reads_as_recorded_before_and_after(sandbox: SandboxProcess) -> None:
    messages = f"/2010-04-01/Accounts/{DEFAULTS.account_sid}/Messages"
    auth = (DEFAULTS.account_sid, DEFAULTS.auth_token)
    form = {"To": UNREACHABLE, "MessagingServiceSid": SERVICE, "Body": "x"}
    created = sandbox.request("POST", f"{messages}.json", data=form, auth=auth).json()
    assert RFC_2822.fullmatch(created.pop("date_created"))
    assert RFC_2822.fullmatch(created.pop("date_updated"))
    sid = created["sid"]
    expected: dict[str, Any] = {
        "account_sid": DEFAULTS.account_sid,
        "api_version": "2010-04-01",
        "body": "x",
        "date_sent": None,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": None,
        "messaging_service_sid": SERVICE,
        "num_media": "0",
        "num_segments": "0",
        "price": None,
        "price_unit": None,
        "sid": sid,
        "status": "accepted",
        "subresource_uris": {"media": f"{messages}/{sid}/Media.json"},
        "to": UNREACHABLE,
        "uri": f"{messages}/{sid}.json",
    }
    assert created == expected
    sandbox.settle()
    fetched = sandbox.request("GET", f"{messages}/{sid}.json", auth=auth).json()
    assert RFC_2822.fullmatch(fetched["date_sent"])
    after = {name: fetched[name] for name in ("status", "error_code", "num_segments", "price", "price_unit")}
    assert after == {
        "status": "undelivered",
        "error_code": 30003,
        "num_segments": "1",
        "price": "-0.17470",
        "price_unit": "USD",
    }
    assert fetched["from"] in ("+447700900100", "+447700900101")


def test_whatsapp_message_is_read(twilio: TwilioClient, sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(profile={**STEADY, "read_p": 1.0}, whatsapp_windows={PERSON: 60})
    url = f"{receiver.url}/s?m=7"
    twilio.do(twilio.api.messages, "create", to=PERSON, from_=WHATSAPP, body="x" * 900, status_callback=url)
    sandbox.settle()
    assert receiver.statuses() == ["sent", "delivered", "read"]
    forms = [webhook.form for webhook in receiver.received]
    read = form_of(forms, "read")
    assert (read["ChannelPrefix"], read["EventType"], read["From"], read["To"]) == (
        "whatsapp",
        "READ",
        WHATSAPP,
        PERSON,
    )
    assert read["ChannelInstallSid"].startswith("XE")
    assert read["ChannelToAddress"] == "+38067123XXXX"
    assert not {"RawDlrDoneDate", "ErrorCode", "ChannelStatusMessage"} & set(read)
    (message,) = twilio.do(twilio.api.messages, "list")
    assert (message.status, message.num_segments, message.price) == ("read", "1", "-0.00000")


def test_refusal_of_whatsapp_carries_its_reason(
    twilio: TwilioClient, sandbox: SandboxProcess, receiver: Receiver
) -> None:
    url = f"{receiver.url}/s?m=7"
    twilio.do(
        twilio.api.messages, "create", to=PERSON, messaging_service_sid=SERVICE, body="x", status_callback=url
    )
    sandbox.settle()
    failed = form_of([webhook.form for webhook in receiver.received], "failed")
    assert (failed["ErrorCode"], failed["From"]) == ("63016", WHATSAPP)
    assert "outside the allowed window" in failed["ChannelStatusMessage"]
