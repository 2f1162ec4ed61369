"""The control API is guarded, says what is wrong, and does what it is told."""

import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from tests.sandbox.process import SENDER, SandboxProcess

TO = "+380671234567"


@pytest.mark.parametrize("token", ["", "wrong"])
def test_control_needs_its_token(sandbox: SandboxProcess, token: str) -> None:
    answer = sandbox.request("GET", "/_sandbox/invariants", headers={"X-Sandbox-Token": token})
    assert answer.status_code == 401
    assert "error" in answer.json()


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("faults", "{", "not JSON"),
        ("faults", "[]", "must be a JSON object"),
        ("faults", "{}", "needs an action"),
        ("faults", '{"action": {"after": "x"}}', "action.after: expected one of"),
        ("clock", '{"mode": "x0"}', "No clock 'x0'"),
        ("clock", '{"advance_s": -1}', "advance_s"),
        ("inbound", "{}", "whose number is missing"),
        ("invariants", '{"intents": 5}', "intents must be a list"),
    ],
)
def test_nonsense_is_refused_in_words(sandbox: SandboxProcess, path: str, body: str, words: str) -> None:
    answer = sandbox.request("POST", f"/_sandbox/{path}", data=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_armed_fault_fires_as_often_as_told(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "faults", {"match": {"to": TO, "count": 2}, "action": {"after": "503"}})
    results = []
    for to in (TO, "+380501234567", TO, TO):
        try:
            results.append(client.messages.create(to=to, from_=SENDER, body="x").status)
        except TwilioRestException as error:
            results.append(error.status)
    assert results == [503, "queued", 503, "queued"]
    (fault,) = sandbox.call("GET", "faults")["faults"]
    assert (fault["seen"], fault["fired"]) == (2, 2)
    assert len(sandbox.truth()) == 4


def test_armed_fault_meets_the_nth_call(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "faults", {"match": {"nth": 2}, "action": {"error": 20429, "retry_after": 3}})
    client.messages.create(to=TO, from_=SENDER, body="x")
    with pytest.raises(TwilioRestException) as caught:
        client.messages.create(to=TO, from_=SENDER, body="x")
    assert (caught.value.status, caught.value.code) == (429, 20429)
    assert client.messages.create(to=TO, from_=SENDER, body="x").status == "queued"


def test_armed_fault_sets_the_end(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "faults", {"match": {"to_prefix": "+48"}, "action": {"outcome": ["undelivered", 30005]}})
    for to in ("+48601234567", TO):
        client.messages.create(to=to, from_=SENDER, body="x")
    sandbox.settle()
    assert [(one["status"], one["error_code"]) for one in sandbox.truth()] == [
        ("undelivered", 30005),
        ("delivered", None),
    ]


def test_lists_can_fail_too(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "faults", {"match": {"on": "list", "count": 1}, "action": {"before": "503"}})
    with pytest.raises(TwilioException):
        client.messages.list(to=TO)
    assert client.messages.list(to=TO) == []


def test_disarmed_faults_are_gone(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "faults", {"action": {"before": "close"}})
    with pytest.raises(requests.exceptions.ConnectionError):
        client.messages.create(to=TO, from_=SENDER, body="x")
    sandbox.call("DELETE", "faults")
    assert client.messages.create(to=TO, from_=SENDER, body="x").status == "queued"


def test_reset_forgets_everything(client: Client, sandbox: SandboxProcess) -> None:
    sandbox.fixture(countries=["+48"], budget=0)
    sandbox.call("POST", "clock", {"mode": "manual"})
    client.messages.create(to="+48601234567", from_=SENDER, body="x")
    sandbox.call("POST", "reset")
    assert sandbox.call("GET", "fixture")["countries"] is None
    assert sandbox.call("POST", "clock")["factor"] == 1.0
    assert sandbox.call("GET", "invariants")["accepted"] == 0
    assert client.messages.list() == []


def test_raw_requests_are_kept_on_demand(client: Client, sandbox: SandboxProcess) -> None:
    client.messages.create(to=TO, from_=SENDER, body="before")
    sandbox.fixture(keep_requests=2)
    client.messages.create(to=TO, from_=SENDER, body="a b+&")
    (raw,) = sandbox.call("GET", "requests")["requests"]
    assert (raw["method"], raw["body"]) == ("POST", "To=%2B380671234567&From=FINGERPOST&Body=a+b%2B%26")


def test_truth_is_paged_by_seq(client: Client, sandbox: SandboxProcess) -> None:
    for _ in range(5):
        client.messages.create(to=TO, from_=SENDER, body="x")
    first = sandbox.request("GET", "/_sandbox/messages?limit=3").json()
    rest = sandbox.request("GET", f"/_sandbox/messages?limit=3&after={first['next_after']}").json()
    assert [len(first["messages"]), len(rest["messages"]), rest["next_after"]] == [3, 2, None]
    assert len({one["sid"] for one in first["messages"] + rest["messages"]}) == 5
