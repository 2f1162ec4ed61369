"""Every endpoint answers Twilio's client of either kind, and accounts keep to themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest.content.v1.content import ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateList

from tests.sandbox.process import SENDER, SERVICE, SandboxProcess
from tests.sandbox.receiver import Receiver
from tests.wire.twilio_client import TwilioClient

# The asynchronous client calls aiohttp in an old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")

TO = "+380671234567"
TEMPLATES = [
    {"name": "welcome", "language": language, "body": body, "category": "MARKETING"}
    for language, body in (("en", "Hello {{1}}, here is help."), ("uk", "Вітаємо, {{1}}, ось допомога."))
]
OTHER, OTHER_TOKEN = "AC" + "0e" * 16, "other-token"


def test_message_lives_its_whole_life(twilio: TwilioClient, sandbox: SandboxProcess) -> None:
    messages = twilio.api.messages
    sent = twilio.do(messages, "create", to=TO, from_=SENDER, body="x")
    sandbox.settle()
    assert twilio.do(sent, "fetch").status == "delivered"
    assert twilio.do(sent.feedback, "create", outcome="confirmed").outcome == "confirmed"
    assert twilio.do(sent.media, "list") == []
    assert [one.sid for one in twilio.do(messages, "list", to=TO)] == [sent.sid]
    assert twilio.do(sent, "update", body="").body == ""
    assert twilio.do(sent, "delete") is True
    with pytest.raises(TwilioRestException) as caught:
        twilio.do(sent, "fetch")
    assert (caught.value.status, caught.value.code) == (404, 20404)


def test_scheduled_message_is_canceled_once(twilio: TwilioClient) -> None:
    when = datetime.now(UTC) + timedelta(hours=1)
    planned = {"schedule_type": "fixed", "send_at": when}
    message = twilio.do(twilio.api.messages, "create", to=TO, messaging_service_sid=SERVICE, body="x", **planned)
    assert (message.status, twilio.do(message, "update", status="canceled").status) == ("scheduled", "canceled")
    with pytest.raises(TwilioRestException) as caught:
        twilio.do(message, "update", status="canceled")
    assert (caught.value.status, caught.value.code) == (400, 30409)


def test_template_is_written_approved_and_deleted(twilio: TwilioClient, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    contents = twilio.api.content.v1.contents
    with TwilioClient(sandbox, "sync") as writer:
        created = writer.do(writer.api.content.v1.contents, "create", a_content("Bonjour {{1}}, voici de l'aide."))
        submitted = writer.do(
            writer.api.content.v1.contents(created.sid).approval_create, "create", a_request("aide")
        )
    assert submitted.status == "received"
    statuses = []
    for _ in range(3):
        approval = twilio.do(contents(created.sid).approval_fetch(), "fetch")
        statuses.append((approval.sid, approval.whatsapp["status"]))
        sandbox.call("POST", "clock", {"advance_s": 15})
    assert statuses == [(created.sid, status) for status in ("received", "pending", "approved")]
    fetched = twilio.do(contents(created.sid), "fetch")
    assert (fetched.language, fetched.types["twilio/text"]["body"]) == ("fr", "Bonjour {{1}}, voici de l'aide.")
    assert twilio.do(contents(created.sid), "delete") is True
    with pytest.raises(TwilioRestException):
        twilio.do(contents(created.sid), "fetch")


def a_content(body: str) -> Any:
    types = ContentList.Types({"twilio/text": ContentList.TwilioText({"body": body})})
    return ContentList.ContentCreateRequest(
        {"friendly_name": "aide", "language": "fr", "variables": {"1": "vous"}, "types": types}
    )


def a_request(name: str) -> Any:
    return ApprovalCreateList.ContentApprovalRequest({"name": name, "category": "UTILITY"})


def test_lists_of_templates_lead_on_by_this_origin(twilio: TwilioClient, sandbox: SandboxProcess) -> None:
    sandbox.fixture(templates=TEMPLATES)
    content = twilio.api.content
    for contents in (content.v1.contents, content.v1.content_and_approvals, content.v2.contents):
        assert [one.language for one in twilio.do(contents, "list", page_size=1)] == ["uk", "en"]
    page = twilio.do(content.v1.contents, "page", page_size=1)
    assert page.next_page_url.startswith(sandbox.url)
    page = twilio.do(page, "next_page")
    assert ([one.language for one in page], page.next_page_url) == (["en"], None)
    (both,) = twilio.do(content.v2.content_and_approvals, "list", language=["uk"])
    assert (both.approval_requests["status"], both.approval_requests["category"]) == ("approved", "MARKETING")


@pytest.mark.parametrize(
    ("filters", "languages"),
    [
        ({"language": ["uk"]}, ["uk"]),
        ({"language": ["uk", "en", "fr"]}, ["uk", "en"]),
        ({"content_name": "WELC"}, ["uk", "en"]),
        ({"content": "допомога"}, ["uk"]),
        ({"content_type": ["twilio/list-picker"]}, []),
        ({"sort_by_date": "asc"}, ["en", "uk"]),
    ],
)
def test_second_list_filters(
    twilio: TwilioClient, sandbox: SandboxProcess, filters: dict[str, Any], languages: list[str]
) -> None:
    sandbox.fixture(templates=TEMPLATES)
    assert [one.language for one in twilio.do(twilio.api.content.v2.contents, "list", **filters)] == languages


def test_services_prices_and_lines_are_told(twilio: TwilioClient, sandbox: SandboxProcess) -> None:
    sandbox.fixture(prices={"": 0.08, "+380": 0.2}, line_types={"+38067999": "nonFixedVoip"})
    services = twilio.api.messaging.v1.services
    assert [one.sid for one in twilio.do(services, "list")] == [SERVICE]
    assert twilio.do(services(SERVICE), "fetch").friendly_name == "Sandbox service"
    price = twilio.do(twilio.api.pricing.v1.messaging.countries("UA"), "fetch")
    assert (price.country, price.iso_country, price.price_unit) == ("Ukraine", "UA", "USD")
    assert price.outbound_sms_prices[0]["prices"][0]["current_price"] == "0.2000"
    assert len(twilio.do(twilio.api.pricing.v1.messaging.countries, "list", page_size=100)) > 200
    fields = {"fields": "line_type_intelligence"}
    numbers = ("+380671234567", "+380679991234", "+380670021614", "+380442000000")
    lines = [twilio.do(twilio.api.lookups.v2.phone_numbers(number), "fetch", **fields) for number in numbers]
    kinds = [line.line_type_intelligence["type"] for line in lines]
    assert kinds == ["mobile", "nonFixedVoip", "landline", "landline"]
    assert (lines[0].country_code, lines[0].valid, lines[0].national_format) == ("UA", True, "067 123 4567")
    short = twilio.do(twilio.api.lookups.v2.phone_numbers("+38067"), "fetch")
    assert (short.valid, short.validation_errors, short.line_type_intelligence) == (False, ["TOO_SHORT"], None)


@pytest.mark.parametrize(
    ("domain", "path"),
    [("pricing", "/v1/Messaging/Countries/XX"), ("lookups", "/v2/PhoneNumbers/x"), ("api", "/2010-04-01/Nothing")],
)
def test_what_is_not_there_is_not_found(sandbox: SandboxProcess, domain: str, path: str) -> None:
    with TwilioClient(sandbox, "sync") as twilio:
        answer = getattr(twilio.api, domain).request("GET", sandbox.url + path)
        assert (answer.status_code, '"code": 20404' in answer.text) == (404, True)


@pytest.fixture(scope="module")
def of_two() -> Iterator[SandboxProcess]:
    """A sandbox with two accounts."""
    with SandboxProcess("--account", f"{OTHER}={OTHER_TOKEN}") as process:
        yield process


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_accounts_see_and_sign_only_their_own(of_two: SandboxProcess, receiver: Receiver, kind: str) -> None:
    of_two.reset()
    of_two.fixture(templates=[{**TEMPLATES[0], "account": OTHER}], inbound_url=f"{receiver.url}/in")
    with (
        TwilioClient(of_two, kind) as first,
        TwilioClient(of_two, kind, account=OTHER, token=OTHER_TOKEN) as other,
    ):
        for client in (first, other):
            url = f"{receiver.url}/s?m=1"
            client.do(client.api.messages, "create", to=TO, from_="+447700900100", body="x", status_callback=url)
        of_two.settle()
        of_two.call("POST", "inbound", {"from": TO, "text": "thanks"})
        mine, theirs = (client.do(client.api.messages, "list") for client in (first, other))
        assert [{one.account_sid for one in listed} for listed in (mine, theirs)] == [
            {first.api.username},
            {OTHER},
        ]
        assert [one.direction for one in theirs] == ["inbound", "outbound-api"]
        with pytest.raises(TwilioRestException):
            first.do(first.api.messages(theirs[0].sid), "fetch")
        assert len(first.do(first.api.content.v1.contents, "list")) == 0
        assert len(other.do(other.api.content.v1.contents, "list")) == 1
    signed = {webhook.form["AccountSid"]: receiver.is_signed(webhook) for webhook in receiver.received}
    assert signed == {first.api.username: True, OTHER: False}
    assert all(
        receiver.is_signed(webhook, OTHER_TOKEN)
        for webhook in receiver.received
        if webhook.form["AccountSid"] == OTHER
    )


def test_sender_of_one_account_is_unknown_to_another(of_two: SandboxProcess) -> None:
    of_two.reset()
    own = [{"address": "THEIRS", "account": OTHER}]
    of_two.fixture(senders=own, services=[{"sid": SERVICE, "pool": ["THEIRS"], "account": OTHER}])
    with TwilioClient(of_two, "sync") as first:
        for fields, code in (({"from_": "THEIRS"}, 21606), ({"messaging_service_sid": SERVICE}, 21701)):
            with pytest.raises(TwilioRestException) as caught:
                first.do(first.api.messages, "create", to=TO, body="x", **fields)
            assert caught.value.code == code
        assert first.do(first.api.messaging.v1.services, "list") == []
