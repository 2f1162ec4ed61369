"""Africa's Talking takes one recipient a call, and each of its refusals asks for what its table says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from campaigns.gateways.africastalking.kind import KIND, REFUSALS, AfricasTalking
from campaigns.gateways.base import Action, RejectedError, SendError, UnknownOutcomeError
from campaigns.gateways.kinds import Credential, get_kind
from campaigns.gateways.transport.http import ProviderHttp
from tests.gateways.canned import answering, http
from tests.gateways.conftest import a_message, using
from tests.sandbox.process import DEFAULTS, SandboxProcess

NUMBER = "+254711234567"
JSON = "201 Created\r\nContent-Type: application/json"


def gateway_at(url: str, *, is_rehearsal: bool = False) -> AfricasTalking:
    credential = Credential("sandbox", DEFAULTS.auth_token, is_rehearsal)
    return AfricasTalking(credential, origin=url, http=ProviderHttp(total_seconds=3.0))


def answer(*recipients: dict[str, Any], words: str = "Sent to 0/1 Total Cost: 0") -> str:
    return json.dumps({"SMSMessageData": {"Message": words, "Recipients": recipients}})


def recipient(code: object, message_id: object = "None") -> dict[str, Any]:
    return {"statusCode": code, "number": NUMBER, "status": "x", "cost": "0", "messageId": message_id}


def outcome_of(head: str, body: str) -> SendError:
    with answering(http(head, body)) as server, pytest.raises(SendError) as caught:
        using(gateway_at(server.url), lambda gateway: gateway.send(a_message(NUMBER)))
    return caught.value


def test_kind_is_found_by_its_name() -> None:
    assert get_kind("africastalking") is KIND


def test_account_of_another_provider_is_not_read() -> None:
    assert KIND.reader([Credential("AC" + "5b" * 16, "x"), Credential("5550100", "x")]) is None
    assert KIND.reader([Credential("our.charity", "x")]) is not None


def test_call_is_the_recorded_one(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=1)
    using(gateway_at(sandbox.url), lambda gateway: gateway.send(a_message(NUMBER, sender="22384")))
    (request,) = sandbox.request("GET", "/_sandbox/requests").json()["requests"]
    form = {name: values[0] for name, values in parse_qs(request["body"]).items()}
    fixed = {"username": "sandbox", "from": "22384", "bulkSMSMode": "1", "enqueue": "1"}
    assert (request["method"], request["path"]) == ("POST", "/version1/messaging")
    assert form == {**fixed, "to": NUMBER, "message": a_message().body}


@pytest.mark.parametrize(("is_rehearsal", "prefix"), [(False, ""), (True, "r-")])
def test_acceptance_names_what_reports_will_name(sandbox: SandboxProcess, is_rehearsal: bool, prefix: str) -> None:
    gateway = gateway_at(sandbox.url, is_rehearsal=is_rehearsal)
    accepted = using(gateway, lambda gateway: gateway.send(a_message(NUMBER)))
    (kept,) = sandbox.truth()
    assert accepted.provider_id == accepted.reference == prefix + kept["sid"]
    assert accepted.status == "sent"


@pytest.mark.parametrize(("code", "status"), [(100, "queued"), ("101", "sent"), (102, "queued")])
def test_three_codes_are_acceptances(code: object, status: str) -> None:
    with answering(http(JSON, answer(recipient(code, "ATPid_1")))) as server:
        accepted = using(gateway_at(server.url), lambda gateway: gateway.send(a_message(NUMBER)))
    assert (accepted.provider_id, accepted.status) == ("ATPid_1", status)


#: What is to be done about each statusCode.
ACTIONS = {
    401: Action.PAUSE_SENDER,
    402: Action.PAUSE_SENDER,
    403: Action.INVALIDATE_ADDRESS,
    404: Action.INVALIDATE_ADDRESS,
    405: Action.PAUSE_SENDER,
    406: Action.OPT_OUT,
    407: Action.OTHER_CHANNEL,
    409: Action.OTHER_CHANNEL,
    499: Action.PAUSE_RUN,
}


@pytest.mark.parametrize("code", ACTIONS)
def test_refused_recipient_says_what_to_do(code: int) -> None:
    error = outcome_of(JSON, answer(recipient(code)))
    assert isinstance(error, RejectedError)
    assert error.action is ACTIONS[code]


@pytest.mark.parametrize("code", REFUSALS)
def test_name_instead_of_recipients_means_the_same(code: str) -> None:
    error = outcome_of(JSON, answer(words=REFUSALS[code][0]))
    assert isinstance(error, RejectedError)
    assert (error.code, error.action) == (REFUSALS[code][0], ACTIONS[int(code)])


@pytest.mark.parametrize(("status", "action"), [(400, Action.PAUSE_RUN), (401, Action.PAUSE_SENDER)])
def test_refused_call_blames_no_person(status: int, action: Action) -> None:
    error = outcome_of(f"{status} No\r\nContent-Type: text/plain", "The supplied authentication is invalid")
    assert isinstance(error, RejectedError)
    assert error.action is action


@pytest.mark.parametrize(
    "body",
    [
        *(answer(recipient(code)) for code in (500, 501, 502, 900, None, "4x")),
        answer(recipient(101, "None")),
        answer(recipient(101, "")),
        answer(recipient(101, "ATPid_1"), recipient(101, "ATPid_2")),
        answer(),
        answer(words="Something new"),
        '{"SMSMessageData": {"Message": "x"}}',
        '{"SMSMessageData": {"Message": "x", "Recipients": 1}}',
        '{"SMSMessageData": {"Message": "x", "Recipients": [1]}}',
        '{"SMSMessageData": null}',
    ],
)
def test_answer_that_leaves_doubt_is_unknown(body: str) -> None:
    assert isinstance(outcome_of(JSON, body), UnknownOutcomeError)


def test_unregistered_sender_pauses_it(sandbox: SandboxProcess) -> None:
    sandbox.fixture(africastalking_senders=["FINGERPOST"])
    with pytest.raises(RejectedError) as caught:
        using(gateway_at(sandbox.url), lambda gateway: gateway.send(a_message(NUMBER, sender="STRANGER")))
    assert (caught.value.code, caught.value.action) == ("InvalidSenderId", Action.PAUSE_SENDER)
