"""Africa's Talking on the wire: the recorded call, a status for each recipient, reports and inbound posts."""

from typing import Any
from urllib.parse import parse_qs

import pytest
import requests

from tests.sandbox.process import DEFAULTS, SandboxProcess
from tests.sandbox.receiver import Receiver

TO = "+254711234567"
CALL = {"username": "sandbox", "message": "Karibu", "bulkSMSMode": "1", "from": "22384", "enqueue": "1"}


def send(
    sandbox: SandboxProcess, to: str = TO, key: str = DEFAULTS.auth_token, **changes: str
) -> requests.Response:
    """Make the call that Africa's Talking's own client makes."""
    headers = {"apiKey": key, "Accept": "application/json"}
    return sandbox.request("POST", "/version1/messaging", data={**CALL, "to": to, **changes}, headers=headers)


def recipients(answer: requests.Response) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer.json()["SMSMessageData"]["Recipients"]
    return found


def test_answer_equals_the_recorded_one(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=5, prices={"": 0.8 / 129})
    answer = send(sandbox)
    (recipient,) = recipients(answer)
    assert answer.status_code == 201
    assert recipient.pop("messageId").startswith("ATPid_")
    assert recipient == {"statusCode": 101, "number": TO, "status": "Success", "cost": "KES 0.8000"}
    assert answer.json()["SMSMessageData"]["Message"] == "Sent to 1/1 Total Cost: KES 0.8000"
    (raw,) = sandbox.request("GET", "/_sandbox/requests").json()["requests"]
    assert (raw["method"], raw["path"]) == ("POST", "/version1/messaging")
    assert {name: values[0] for name, values in parse_qs(raw["body"]).items()} == {**CALL, "to": TO}


def test_each_recipient_has_its_own_status(sandbox: SandboxProcess) -> None:
    sandbox.fixture(africastalking_refused={"+256": 407}, opted_out=["+254700000001"], landlines=["+25420"])
    numbers = [TO, "0711", "+256701234567", "+254700000001", "+254201234567", "+254710090405", "+254710090409"]
    found = recipients(send(sandbox, to=",".join(numbers)))
    assert [one["number"] for one in found] == numbers
    assert [one["statusCode"] for one in found] == [101, 403, 407, 406, 404, 405, 409]
    assert [one["status"] for one in found[1:4]] == ["InvalidPhoneNumber", "CouldNotRoute", "UserInBlacklist"]
    assert [one["messageId"] for one in found[1:]] == ["None"] * 6
    assert [(one["to"], one["provider"], one["channel"]) for one in sandbox.truth()] == [
        (TO, "africastalking", "sms")
    ]


@pytest.mark.parametrize(
    ("key", "user"), [("wrong", "sandbox"), ("", "sandbox"), (DEFAULTS.auth_token, "stranger")]
)
def test_wrong_key_or_user_is_unauthorized(sandbox: SandboxProcess, key: str, user: str) -> None:
    answer = send(sandbox, key=key, username=user)
    assert (answer.status_code, answer.text) == (401, "The supplied authentication is invalid")
    assert sandbox.truth() == []


@pytest.mark.parametrize("name", ["to", "message"])
def test_missing_field_is_named(sandbox: SandboxProcess, name: str) -> None:
    answer = send(sandbox, **{name: ""})
    assert (answer.status_code, name in answer.text) == (400, True)


def test_unregistered_sender_sends_nothing(sandbox: SandboxProcess) -> None:
    sandbox.fixture(africastalking_senders=["FINGERPOST"])
    answer = send(sandbox)
    assert answer.json() == {"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}


@pytest.mark.parametrize(
    ("number", "reports"),
    [
        (TO, [("Sent", None), ("Success", None)]),
        ("+254710030003", [("Sent", None), ("Not sent or not delivered", "UserIsInactive")]),
        ("+254710030036", [("Expired", "DeliveryFailure")]),
        ("+254710030007", [("Rejected", "DeliveryFailure")]),
    ],
)
def test_reports_tell_what_became_of_it(
    sandbox: SandboxProcess, receiver: Receiver, number: str, reports: list[tuple[str, str | None]]
) -> None:
    sandbox.fixture(africastalking_delivery_url=f"{receiver.url}/dlr")
    (recipient,) = recipients(send(sandbox, to=number))
    sandbox.settle()
    forms = [one.form for one in receiver.received]
    assert sorted((form["status"], form.get("failureReason")) for form in forms) == sorted(reports)
    assert {(form["id"], form["phoneNumber"]) for form in forms} == {(recipient["messageId"], number)}
    assert {(form["networkCode"], form["retryCount"]) for form in forms} == {("63902", "0")}
    assert "X-Twilio-Signature" not in receiver.received[0].headers


def test_answer_of_a_person_is_posted(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.fixture(africastalking_inbound_url=f"{receiver.url}/in")
    send(sandbox, **{"from": "40404"})
    act = {"provider": "africastalking", "from": TO, "text": "ACHA", "opt_out": True}
    result = sandbox.call("POST", "inbound", act)
    (webhook,) = receiver.received
    assert set(webhook.form) == {"id", "text", "from", "to", "date", "linkId"}
    assert (webhook.form["text"], webhook.form["from"], webhook.form["to"]) == ("ACHA", TO, "40404")
    assert (result["http_status"], webhook.form["id"]) == (204, result["sid"])
    send(sandbox)
    assert sandbox.call("GET", "invariants")["accepted_after_optout"] == 1


@pytest.mark.parametrize(
    ("action", "accepted"), [({"before": "close"}, 0), ({"after": "close"}, 1), ({"after": "half"}, 1)]
)
def test_armed_fault_breaks_the_answer(sandbox: SandboxProcess, action: dict[str, str], accepted: int) -> None:
    match = {"provider": "africastalking", "count": 1}
    sandbox.call("POST", "faults", {"match": match, "action": action})
    with pytest.raises(requests.RequestException):
        send(sandbox).json()
    assert len(sandbox.truth()) == accepted


@pytest.mark.parametrize(("before", "status"), [("502", 502), ("503", 503)])
def test_gateway_errors_accept_nothing(sandbox: SandboxProcess, before: str, status: int) -> None:
    sandbox.call("POST", "faults", {"match": {"provider": "africastalking"}, "action": {"before": before}})
    assert send(sandbox).status_code == status
    assert sandbox.truth() == []


def test_too_fast_is_told_once(sandbox: SandboxProcess) -> None:
    assert [send(sandbox, to="+254710099429").status_code for _ in range(2)] == [429, 201]


def test_other_providers_do_not_see_it(sandbox: SandboxProcess) -> None:
    send(sandbox)
    path = f"/2010-04-01/Accounts/{DEFAULTS.account_sid}/Messages.json"
    listed = sandbox.request("GET", path, auth=(DEFAULTS.account_sid, DEFAULTS.auth_token)).json()
    assert listed["messages"] == []
