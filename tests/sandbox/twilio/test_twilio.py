"""The unmodified client creates, fetches, cancels, redacts and deletes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from tests.sandbox.process import DEFAULTS, SENDER, SERVICE, SandboxProcess

TO = "+380671234567"
KEYS = (
    "account_sid api_version body date_created date_sent date_updated direction error_code error_message from "
    "messaging_service_sid num_media num_segments price price_unit sid status subresource_uris to uri"
)


def test_message_from_a_sender_starts_queued(client: Client) -> None:
    message = client.messages.create(to=TO, from_=SENDER, body="Привіт 👋 +&=")
    assert message.sid.startswith("SM")
    assert len(message.sid) == 34
    assert (message.status, message.from_, message.num_segments) == ("queued", SENDER, "1")
    assert (message.body, message.price, message.error_code) == ("Привіт 👋 +&=", None, None)


def test_message_from_a_service_starts_accepted(client: Client) -> None:
    message = client.messages.create(to=TO, messaging_service_sid=SERVICE, body="x")
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    assert (message.messaging_service_sid, message.direction) == (SERVICE, "outbound-api")


def test_delivered_message_has_sender_parts_and_price(client: Client, sandbox: SandboxProcess) -> None:
    message = client.messages.create(to=TO, messaging_service_sid=SERVICE, body="п" * 71)
    sandbox.settle()
    message = client.messages(message.sid).fetch()
    assert (message.status, message.num_segments, message.price_unit) == ("delivered", "2", "USD")
    assert message.price == "-0.34940"
    assert message.from_ in ("+447700900100", "+447700900101")
    assert abs(message.date_sent - datetime.now(UTC)) < timedelta(seconds=30)


def test_resource_has_exactly_twilios_keys(client: Client, sandbox: SandboxProcess) -> None:
    message = client.messages.create(to=TO, from_=SENDER, body="x")
    path = f"/2010-04-01/Accounts/{DEFAULTS.account_sid}/Messages/{message.sid}.json"
    answer = sandbox.request("GET", path, auth=(DEFAULTS.account_sid, DEFAULTS.auth_token))
    assert sorted(answer.json()) == KEYS.split()
    assert len(answer.headers["Twilio-Request-Id"]) == 34
    assert answer.json()["uri"] == path


@pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")  # the client calls aiohttp in an old way
def test_async_client_creates_and_fetches(sandbox: SandboxProcess) -> None:
    async def story() -> tuple[str, str]:
        http = AsyncTwilioHttpClient()
        client = Client(DEFAULTS.account_sid, DEFAULTS.auth_token, http_client=http)
        client.api.base_url = sandbox.url
        try:
            message = await client.messages.create_async(to=TO, from_=SENDER, body="x")
            return message.sid, (await client.messages(message.sid).fetch_async()).sid
        finally:
            await http.close()

    created, fetched = asyncio.run(story())
    assert created == fetched


def test_scheduled_message_can_be_canceled_once(client: Client) -> None:
    when = datetime.now(UTC) + timedelta(hours=1)
    message = client.messages.create(
        to=TO, messaging_service_sid=SERVICE, body="x", schedule_type="fixed", send_at=when
    )
    assert message.status == "scheduled"
    assert message.update(status="canceled").status == "canceled"
    with pytest.raises(TwilioRestException) as caught:
        message.update(status="canceled")
    assert (caught.value.status, caught.value.code) == (400, 30409)


def test_scheduled_message_goes_out_at_its_hour(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "clock", {"mode": "manual"})
    now = datetime.fromtimestamp(sandbox.call("POST", "clock")["now"], UTC)
    message = client.messages.create(
        to=TO, messaging_service_sid=SERVICE, body="x", schedule_type="fixed", send_at=now + timedelta(hours=2)
    )
    sandbox.call("POST", "clock", {"advance_s": 7100})
    assert message.fetch().status == "scheduled"
    sandbox.call("POST", "clock", {"advance_s": 200})
    assert message.fetch().status == "delivered"


def test_redacted_body_is_gone_for_the_application_only(client: Client, sandbox: SandboxProcess) -> None:
    message = client.messages.create(to=TO, from_=SENDER, body="secret")
    sandbox.settle()
    assert message.update(body="").body == ""
    assert message.fetch().body == ""
    assert [one["body"] for one in sandbox.truth(to=TO)] == ["secret"]


def test_deleted_message_is_gone_for_the_application_only(client: Client, sandbox: SandboxProcess) -> None:
    message = client.messages.create(to=TO, from_=SENDER, body="x")
    sandbox.settle()
    assert message.delete() is True
    with pytest.raises(TwilioRestException) as caught:
        message.fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)
    assert client.messages.list(to=TO) == []
    assert len(sandbox.truth(to=TO)) == 1


def test_feedback_and_media_answer(client: Client) -> None:
    message = client.messages.create(to=TO, from_=SENDER, body="x")
    assert message.feedback.create(outcome="confirmed").outcome == "confirmed"
    assert message.media.list() == []


def test_test_credentials_leave_no_trace(sandbox: SandboxProcess) -> None:
    client = sandbox.client(DEFAULTS.test_account_sid, DEFAULTS.test_auth_token)
    message = client.messages.create(to=TO, from_="+15005550006", body="x")
    assert (message.status, message.price) == ("queued", None)
    with pytest.raises(TwilioRestException) as caught:
        client.messages("SM" + "0" * 32).fetch()
    client.http_client.session.close()
    assert (caught.value.status, caught.value.code) == (403, 20008)
    assert sandbox.truth() == []


def test_services_are_listed_and_fetched(client: Client) -> None:
    assert [service.sid for service in client.messaging.v1.services.list()] == [SERVICE]
    assert client.messaging.v1.services(SERVICE).fetch().friendly_name == "Sandbox service"
