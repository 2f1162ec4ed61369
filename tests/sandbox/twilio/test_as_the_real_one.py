"""Small things at which Twilio and a stand-in easily differ, tried with Twilio's own client."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.sandbox.process import DEFAULTS, SENDER, SERVICE, SandboxProcess

PERSON = "+380671234567"
NUMBER = "+447700900100"
AUTH = base64.b64encode(f"{DEFAULTS.account_sid}:{DEFAULTS.auth_token}".encode()).decode()
HEADERS = {"Authorization": f"Basic {AUTH}"}
ACCOUNT = f"/2010-04-01/Accounts/{DEFAULTS.account_sid}"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": NUMBER, "from_": NUMBER}, 21266),
        ({"to": f"whatsapp:{NUMBER}", "from_": f"whatsapp:{NUMBER}"}, 63031),
        ({"to": "+12025550123", "from_": SENDER}, 21612),
        ({"validity_period": 0}, 21624),
        ({"validity_period": 99_999}, 21624),
    ],
)
def test_call_that_twilio_refuses(client: Client, changes: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(**{"to": PERSON, "from_": SENDER, "body": "x"} | changes)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_number_with_spaces_is_the_number(client: Client) -> None:
    message = client.messages.create(to="+380 (67) 123-45.67", from_=SENDER, body="x", validity_period=36_000)
    assert message.to == PERSON


@pytest.mark.parametrize("act", ["delete", "redact"])
def test_message_on_its_way_is_neither_deleted_nor_redacted(
    client: Client, sandbox: SandboxProcess, act: str
) -> None:
    sandbox.fixture(profile={"stage": {"p50": 60, "p99": 60}})
    message = client.messages.create(to=PERSON, from_=SENDER, body="secret")
    with pytest.raises(TwilioRestException) as refused:
        message.delete() if act == "delete" else message.update(body="")
    assert (refused.value.status, refused.value.code) == (409, 20009)


def test_message_without_a_receipt_is_final_after_an_hour(client: Client, sandbox: SandboxProcess) -> None:
    message = client.messages.create(to="+380670099204", from_=SENDER, body="secret")
    sandbox.settle()
    assert message.fetch().status == "sent"
    with pytest.raises(TwilioRestException):
        message.delete()
    sandbox.call("POST", "clock", {"mode": "manual", "advance_s": 3_600})
    assert message.delete()
    sandbox.call("POST", "clock", {"mode": "real"})


def test_text_can_be_removed_and_not_changed(client: Client, sandbox: SandboxProcess) -> None:
    message = client.messages.create(to=PERSON, from_=SENDER, body="secret")
    sandbox.settle()
    with pytest.raises(TwilioRestException) as refused:
        message.update(body="other")
    assert refused.value.status == 400
    assert message.fetch().body == "secret"


@pytest.mark.parametrize(
    ("number", "country", "valid", "found"),
    [
        ("0671234567", "UA", True, PERSON),
        (PERSON, None, True, PERSON),
        ("nonsense", None, False, "nonsense"),
        ("0671234567", None, False, "0671234567"),
        ("+3806712", None, False, "+3806712"),
    ],
)
def test_every_number_can_be_looked_up(
    client: Client, number: str, country: str | None, valid: bool, found: str
) -> None:
    looked = client.lookups.v2.phone_numbers(number)
    fields = {"country_code": country} if country else {}
    result = looked.fetch(fields="line_type_intelligence", **fields)
    assert (result.valid, result.phone_number) == (valid, found)
    assert bool(result.validation_errors) is not valid


@pytest.mark.parametrize(
    ("code", "words"), [(30005, "Unknown destination handset"), (63016, "outside the allowed")]
)
def test_error_is_told_in_twilios_words(client: Client, sandbox: SandboxProcess, code: int, words: str) -> None:
    if code == 63016:
        to, sender = "whatsapp:+380671112233", f"whatsapp:{NUMBER}"
    else:
        to, sender = "+380670030005", SENDER
    message = client.messages.create(to=to, from_=sender, body="x")
    sandbox.settle()
    told = message.fetch()
    assert told.error_code == code
    assert words in str(told.error_message)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", f"{ACCOUNT}/Messages.json", 405),
        ("PATCH", f"{ACCOUNT}/Messages/SM1.json", 405),
        ("PUT", f"{ACCOUNT}/Nothing.json", 404),
        ("GET", "/nowhere", 404),
    ],
)
def test_other_way_of_asking_is_not_allowed(sandbox: SandboxProcess, method: str, path: str, status: int) -> None:
    answer = sandbox.request(method, path, headers=HEADERS)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert ("POST" in answer.headers.get("Allow", "")) is (status == 405)


def test_account_its_balance_and_its_numbers_are_read(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=PERSON, from_=SENDER, body="x")
    sandbox.settle()
    assert [each.sid for each in client.api.accounts.list()] == [DEFAULTS.account_sid]
    assert client.api.account.balance.fetch().currency == "USD"
    assert float(client.api.account.balance.fetch().balance) < 1_000
    numbers = [each.phone_number for each in client.incoming_phone_numbers.list()]
    assert numbers == ["+447700900100", "+447700900101"]


def test_service_is_made_and_its_numbers_are_listed(client: Client) -> None:
    pool = client.messaging.v1.services(SERVICE).phone_numbers.list()
    assert [each.phone_number for each in pool] == ["+447700900100", "+447700900101"]
    made = client.messaging.v1.services.create(friendly_name="Night")
    assert client.messaging.v1.services(made.sid).fetch().friendly_name == "Night"
    assert client.messaging.v1.services(made.sid).phone_numbers.list() == []
    with pytest.raises(TwilioRestException) as refused:
        client.messages.create(to=PERSON, messaging_service_sid=made.sid, body="x")
    assert refused.value.code == 21704
