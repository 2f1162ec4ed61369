"""What Twilio's client puts on the wire, letter by letter."""

from __future__ import annotations

import base64
import json
import platform
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from twilio import __version__
from twilio.rest.content.v1.content import ContentList

from tests.sandbox.process import DEFAULTS, SENDER, SERVICE, SandboxProcess
from tests.wire.twilio_client import TwilioClient

# The asynchronous client calls aiohttp in an old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")

TO = "+380671234567"
ACCOUNT = f"/2010-04-01/Accounts/{DEFAULTS.account_sid}"
KYIV_SUMMER = timezone(timedelta(hours=3))
EVERYTHING: dict[str, Any] = {
    "to": TO,
    "messaging_service_sid": SERVICE,
    "body": "Привіт 👋 +&=",
    "status_callback": "https://h/cb?uuid=1",
    "provide_feedback": True,
    "validity_period": 3600,
    "smart_encoded": True,
    "persistent_action": ["geo:50.45,30.52|Kyiv"],
    "shorten_urls": False,
    "schedule_type": "fixed",
    "send_at": datetime(2026, 9, 1, 12, 0, tzinfo=KYIV_SUMMER),
    "content_variables": '{"1":"a"}',
    "message_intent": "notifications",
    "risk_check": "disable",
    "media_url": ["https://x/1.png", "https://x/2.png"],
    "content_sid": "HX" + "c" * 32,
}
#: SendAt was noon in Kyiv: the client drops the offset and says Z all the same.
ITS_FORM = (
    "To=%2B380671234567&StatusCallback=https%3A%2F%2Fh%2Fcb%3Fuuid%3D1&ProvideFeedback=true&ValidityPeriod=3600"
    "&SmartEncoded=true&PersistentAction=geo%3A50.45%2C30.52%7CKyiv&ShortenUrls=false&ScheduleType=fixed"
    "&SendAt=2026-09-01T12%3A00%3A00Z&ContentVariables=%7B%221%22%3A%22a%22%7D&MessageIntent=notifications"
    f"&RiskCheck=disable&MessagingServiceSid={SERVICE}"
    "&Body=%D0%9F%D1%80%D0%B8%D0%B2%D1%96%D1%82+%F0%9F%91%8B+%2B%26%3D"
    f"&MediaUrl=https%3A%2F%2Fx%2F1.png&MediaUrl=https%3A%2F%2Fx%2F2.png&ContentSid=HX{'c' * 32}"
)


@pytest.fixture
def wire(sandbox: SandboxProcess) -> SandboxProcess:
    """A sandbox that remembers raw requests."""
    sandbox.fixture(keep_requests=20)
    return sandbox


def captured(sandbox: SandboxProcess) -> list[dict[str, Any]]:
    """Return the raw requests so far."""
    requests: list[dict[str, Any]] = sandbox.call("GET", "requests")["requests"]
    return requests


def test_create_carries_every_field_as_twilio_has_it(twilio: TwilioClient, wire: SandboxProcess) -> None:
    with pytest.raises(Exception, match="ContentSid is Invalid"):
        twilio.do(twilio.api.messages, "create", **EVERYTHING)
    (request,) = captured(wire)
    assert (request["method"], request["path"]) == ("POST", f"{ACCOUNT}/Messages.json")
    assert request["body"] == ITS_FORM


def test_headers_are_the_clients_own(twilio: TwilioClient, wire: SandboxProcess) -> None:
    twilio.do(twilio.api.messages, "create", to=TO, from_=SENDER, body="x")
    headers = dict(captured(wire)[0]["headers"])
    credentials = f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}".encode()
    expected = {
        "Host": wire.url.removeprefix("http://"),
        "User-Agent": f"twilio-python/{__version__} ({platform.system()} {platform.machine()}) "
        f"Python/{platform.python_version()}",
        "Accept-Encoding": "gzip, deflate",
        "Accept": "application/json",
        "Connection": "keep-alive",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Client": f"python-{__version__}",
        "Accept-Charset": "utf-8",
        "Authorization": f"Basic {base64.b64encode(credentials).decode()}",
        "Content-Length": "41",
    }
    if twilio.kind == "async":
        del expected["Connection"]
    assert headers == expected


def test_reading_and_changing_go_to_their_addresses(twilio: TwilioClient, wire: SandboxProcess) -> None:
    messages = twilio.api.messages
    sent = twilio.do(messages, "create", to=TO, from_=SENDER, body="x")
    twilio.do(messages, "list", to=TO, date_sent_after=datetime(2026, 9, 1, tzinfo=UTC), page_size=2)
    wire.settle()
    twilio.do(sent, "update", body="")
    twilio.do(sent, "delete")
    twilio.do(twilio.api.lookups.v2.phone_numbers(TO), "fetch", fields="line_type_intelligence")
    twilio.do(twilio.api.pricing.v1.messaging.countries("UA"), "fetch")
    twilio.do(twilio.api.content.v2.contents, "list", language=["uk", "ru"], page_size=1)
    colons = "%3A" if twilio.kind == "sync" else ":"
    moment = f"2026-09-01T00{colons}00{colons}00Z"
    one = f"{ACCOUNT}/Messages/{sent.sid}.json"
    assert [(request["method"], request["path"], request["body"]) for request in captured(wire)[1:]] == [
        ("GET", f"{ACCOUNT}/Messages.json?To=%2B380671234567&DateSent%3E={moment}&PageSize=2", ""),
        ("POST", one, "Body="),
        ("DELETE", one, ""),
        ("GET", "/v2/PhoneNumbers/+380671234567?Fields=line_type_intelligence", ""),
        ("GET", "/v1/Messaging/Countries/UA", ""),
        ("GET", "/v2/Content?Language=uk&Language=ru&PageSize=1", ""),
    ]


def test_second_page_is_asked_for_by_token(twilio: TwilioClient, wire: SandboxProcess) -> None:
    for _ in range(3):
        twilio.do(twilio.api.messages, "create", to=TO, from_=SENDER, body="x")
    assert len(twilio.do(twilio.api.messages, "list", page_size=2)) == 3
    first, second = (request["path"] for request in captured(wire)[3:])
    assert first == f"{ACCOUNT}/Messages.json?PageSize=2"
    assert second == f"{ACCOUNT}/Messages.json?PageSize=2&Page=1&PageToken=PASM2"


def test_content_is_json_with_a_literal_type_only_from_the_synchronous_client(
    twilio: TwilioClient, wire: SandboxProcess
) -> None:
    text = ContentList.TwilioText({"body": "Hello {{1}} there"})
    types = ContentList.Types({"twilio/text": text})
    wanted = ContentList.ContentCreateRequest(
        {"friendly_name": "n", "variables": {"1": "you"}, "language": "uk", "types": types}
    )
    if twilio.kind == "sync":
        assert twilio.do(twilio.api.content.v1.contents, "create", wanted).sid.startswith("HX")
        assert json.loads(captured(wire)[0]["body"]) == {
            "friendly_name": "n",
            "variables": {"1": "you"},
            "language": "uk",
            "types": {"twilio/text": {"body": "Hello {{1}} there"}},
        }
        return
    # A defect of the asynchronous client: a form, although it says JSON.
    with pytest.raises(Exception, match="language is missing"):
        twilio.do(twilio.api.content.v1.contents, "create", wanted)
    assert captured(wire)[0]["body"].startswith("friendly_name=n&")
