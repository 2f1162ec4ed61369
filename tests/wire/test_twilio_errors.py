"""Every error of Twilio's reaches its client, and every way not to answer, with as many calls as it took."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from urllib3.exceptions import NewConnectionError

from campaigns.sandbox.faults.faults import outcome_of
from campaigns.sandbox.world.sandbox_errors import known_codes
from tests.sandbox.process import DEFAULTS, SENDER, SERVICE, SandboxProcess
from tests.wire.twilio_client import TwilioClient

# The asynchronous client calls aiohttp in an old way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:twilio")

TO = "+380671234567"
STATUSES = {20003: 401, 20008: 403, 20404: 404, 20429: 429, 21611: 429}
AT_ONCE = [
    code for code in known_codes() if (code // 10_000 == 2 and code not in (20500, 20503)) or code // 1000 == 35
]
LATER = [code for code in known_codes() if code // 1000 in (30, 63)]


def create(twilio: TwilioClient, to: str = TO, **fields: Any) -> Any:
    """Create a message, by default from a sender."""
    if "messaging_service_sid" not in fields:
        fields["from_"] = SENDER
    return twilio.do(twilio.api.messages, "create", to=to, body="x", **fields)


def posts(sandbox: SandboxProcess) -> int:
    """Return how many create calls were made."""
    return sum(request["method"] == "POST" for request in sandbox.call("GET", "requests")["requests"])


def arm(sandbox: SandboxProcess, **action: Any) -> None:
    """Let every create call meet a fault, and remember the calls."""
    sandbox.fixture(keep_requests=20)
    sandbox.call("POST", "faults", {"action": action})


def test_every_refusal_has_its_status_and_code(twilio: TwilioClient) -> None:
    answers = {}
    for code in AT_ONCE:
        with pytest.raises(TwilioRestException) as caught:
            create(twilio, f"+3806700{code}")
        answers[code] = (caught.value.status, caught.value.code)
    assert answers == {code: (STATUSES.get(code, 400), code) for code in AT_ONCE}


def test_every_failure_arrives_with_its_code(twilio: TwilioClient, sandbox: SandboxProcess) -> None:
    for code in LATER:
        assert create(twilio, f"+3806700{code}", messaging_service_sid=SERVICE).status == "accepted"
    sandbox.settle()
    listed = twilio.do(twilio.api.messages, "list")
    assert {message.error_code: (message.status, message.error_code) for message in listed} == {
        code: outcome_of(code) for code in LATER
    }
    assert all(message.error_message for message in listed)


@pytest.mark.parametrize(
    ("action", "status", "code"),
    [
        ({"error": 21610}, 400, 21610),
        ({"error": 20003}, 401, 20003),
        ({"error": 20429, "retry_after": 3}, 429, 20429),
        ({"error": 21611}, 429, 21611),
        ({"after": "503"}, 503, 20503),
        ({"before": "502"}, 502, 502),
    ],
)
def test_answered_error_is_an_exception_after_one_call(
    twilio: TwilioClient, sandbox: SandboxProcess, action: dict[str, Any], status: int, code: int
) -> None:
    arm(sandbox, **action)
    with pytest.raises(TwilioRestException) as caught:
        create(twilio)
    assert (caught.value.status, caught.value.code, posts(sandbox)) == (status, code, 1)


def test_problem_document_is_another_exception(twilio: TwilioClient, sandbox: SandboxProcess) -> None:
    arm(sandbox, error=21610, is_problem=True)
    with pytest.raises(TwilioServiceException) as caught:
        create(twilio)
    assert (caught.value.status, caught.value.code, posts(sandbox)) == (400, 21610, 1)
    assert not isinstance(caught.value, TwilioRestException)


@pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning:aiohttp_retry")
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_retrying_client_repeats_the_call_only_when_asynchronous(sandbox: SandboxProcess, kind: str) -> None:
    arm(sandbox, after="503")
    with TwilioClient(sandbox, kind, max_retries=3) as twilio, pytest.raises(TwilioRestException):
        create(twilio)
    assert posts(sandbox) == (1 if kind == "sync" else 3)
    assert sandbox.call("GET", "invariants")["accepted"] == posts(sandbox)


@pytest.mark.parametrize("action", [{"after": "close"}, {"before": "close"}, {"after": "cut"}])
def test_dropped_connection_does_not_tell_whether_it_was_accepted(
    twilio: TwilioClient, sandbox: SandboxProcess, action: dict[str, str]
) -> None:
    arm(sandbox, **action)
    kinds = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, aiohttp.ClientError)
    with pytest.raises(kinds) as caught:
        create(twilio)
    assert not isinstance(caught.value, TwilioException)
    assert posts(sandbox) == 1
    assert sandbox.call("GET", "invariants")["accepted"] == ("after" in action)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_only_the_synchronous_client_keeps_its_time_limit(sandbox: SandboxProcess, kind: str) -> None:
    with TwilioClient(sandbox, kind, timeout=0.2) as twilio:
        if kind == "sync":
            with pytest.raises(requests.ReadTimeout):
                create(twilio, "+380670099997")
        else:
            assert create(twilio, "+380670099997").status == "queued"
    assert sandbox.call("GET", "invariants")["accepted"] == 1


def test_refused_connection_is_known_to_be_unsent(twilio: TwilioClient) -> None:
    twilio.api.api.base_url = "http://127.0.0.1:9"
    with pytest.raises((requests.ConnectionError, aiohttp.ClientConnectorError)) as caught:
        create(twilio)
    if twilio.kind == "sync":
        assert isinstance(caught.value.args[0].reason, NewConnectionError)


@pytest.mark.parametrize("how", ["html", "empty", "half"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_unreadable_answer_is_no_message(
    twilio: TwilioClient, sandbox: SandboxProcess, when: str, how: str
) -> None:
    arm(sandbox, **{when: how})
    if how == "empty":
        assert create(twilio).sid is None
    else:
        with pytest.raises(ValueError, match=r"Expecting value|Unterminated string"):
            create(twilio)
    assert posts(sandbox) == 1
    assert sandbox.call("GET", "invariants")["accepted"] == (when == "after")


@pytest.mark.parametrize("how", ["html", "half", "502", "503"])
def test_list_can_be_unreadable_too(twilio: TwilioClient, sandbox: SandboxProcess, how: str) -> None:
    sandbox.call("POST", "faults", {"match": {"on": "list"}, "action": {"before": how}})
    with pytest.raises((TwilioException, ValueError)):
        twilio.do(twilio.api.messages, "list")


def test_wrong_content_type_escapes_the_client(twilio: TwilioClient, sandbox: SandboxProcess) -> None:
    arm(sandbox, after="type")
    assert create(twilio).status == "queued"


@pytest.mark.parametrize(
    ("account", "token", "status", "code"),
    [
        (DEFAULTS.account_sid, "wrong", 401, 20003),
        ("AC" + "0" * 32, DEFAULTS.auth_token, 401, 20003),
        (DEFAULTS.test_account_sid, DEFAULTS.test_auth_token, 403, 20008),
    ],
)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_wrong_credentials_open_nothing(
    sandbox: SandboxProcess, kind: str, account: str, token: str, status: int, code: int
) -> None:
    with TwilioClient(sandbox, kind, account=account, token=token) as twilio:
        api = twilio.api
        calls = [
            (api.messages, "list"),
            (api.messages("SM" + "0" * 32), "fetch"),
            (api.content.v1.contents, "list"),
            (api.messaging.v1.services, "list"),
            (api.pricing.v1.messaging.countries("UA"), "fetch"),
            (api.lookups.v2.phone_numbers(TO), "fetch"),
        ]
        for resource, verb in calls:
            with pytest.raises(TwilioException) as caught:
                twilio.do(resource, verb)
            response = caught.value.args[1] if verb == "list" else caught.value
            assert (getattr(response, "status", None) or response.status_code) == status
            assert verb == "list" or response.code == code
