"""Every gateway to people asks its provider who we are, without a message, and tells how it refuses."""

from __future__ import annotations

import json

import pytest

from campaigns.gateways.base import Gateway, NotSentError, SendError
from campaigns.gateways.connecting import Answering
from campaigns.gateways.kinds import Credential, Opening, gateway_kinds
from tests.gateways.canned import answering, http
from tests.gateways.conftest import using
from tests.sandbox.process import DEFAULTS, SandboxProcess

ACCOUNTS = {"twilio": DEFAULTS.account_sid, "telegram": "5550100", "africastalking": "sandbox"}
NAMES = {"twilio": "Sandbox", "telegram": "@fingerpost_bot", "africastalking": "sandbox"}
KINDS = [
    (kind.name, channel) for kind in gateway_kinds().values() if kind.reaches_people for channel in kind.channels
]
JSON = "200 OK\r\nContent-Type: application/json"

of_every_kind = pytest.mark.parametrize(("kind", "channel"), KINDS)


def gateway(kind: str, channel: str, url: str, token: str = DEFAULTS.auth_token) -> Gateway:
    opening = Opening(Credential(ACCOUNTS[kind], token), channel, origin=url, connections=2)
    return gateway_kinds()[kind].open(opening)


def ask(opened: Gateway) -> str:
    assert isinstance(opened, Answering)
    return using(opened, lambda each: each.ask_account())


def refusal(kind: str, channel: str, url: str, token: str = DEFAULTS.auth_token) -> SendError:
    with pytest.raises(SendError) as caught:
        ask(gateway(kind, channel, url, token))
    return caught.value


@of_every_kind
def test_account_answers_and_nobody_is_written_to(sandbox: SandboxProcess, kind: str, channel: str) -> None:
    sandbox.fixture(keep_requests=9)
    assert ask(gateway(kind, channel, sandbox.url)) == NAMES[kind]
    (request,) = sandbox.request("GET", "/_sandbox/requests").json()["requests"]
    assert (
        request["path"]
        .partition("?")[0]
        .endswith(("/Accounts/" + ACCOUNTS["twilio"] + ".json", "/getMe", "/user"))
    )


@of_every_kind
def test_wrong_token_is_refused_with_a_code(sandbox: SandboxProcess, kind: str, channel: str) -> None:
    code = {"twilio": "20003", "africastalking": "http_401"}.get(kind)
    refused = refusal(kind, channel, sandbox.url, token="wrong")
    assert code is None or refused.code == code
    assert refused.code


@of_every_kind
@pytest.mark.parametrize("body", ["", "[]", "{}", "<html>", '{"ok": true}'])
def test_nonsense_is_no_answer(kind: str, channel: str, body: str) -> None:
    with answering(http(JSON, body)) as server:
        assert refusal(kind, channel, server.url).code


@of_every_kind
def test_provider_that_is_away_did_not_answer(kind: str, channel: str) -> None:
    assert isinstance(refusal(kind, channel, "http://127.0.0.1:9"), NotSentError)


def test_account_that_is_suspended_does_not_work() -> None:
    with answering(http(JSON, json.dumps({"status": "suspended", "friendly_name": "Ours"}))) as server:
        assert refusal("twilio", "sms", server.url).code == "account_suspended"
