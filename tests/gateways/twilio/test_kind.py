"""The Twilio gateway against the sandbox process: what is sent, how refusals are told apart, what is listed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from campaigns.core.errors import UnavailableError
from campaigns.gateways.base import (
    Accepted,
    Action,
    Gateway,
    NotSentError,
    RejectedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.gateways.conftest import a_message, twilio_at, using
from tests.sandbox.process import SERVICE, SandboxProcess

AN_HOUR_AGO = datetime.now(UTC) - timedelta(hours=1)


def test_message_arrives_whole(sandbox: SandboxProcess) -> None:
    outgoing = a_message(callback_url="http://127.0.0.1:9/hooks/twilio/status?m=ref1")
    accepted = using(twilio_at(sandbox.url), lambda gateway: gateway.send(outgoing))
    (message,) = sandbox.truth()
    assert (message["sid"], message["to"], message["body"]) == (accepted.provider_id, outgoing.to, outgoing.body)
    assert message["intent"] == "ref1"
    assert accepted.status == "queued"


def test_receipts_are_to_be_posted_again_when_we_fail(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=10)
    outgoing = a_message(callback_url="http://127.0.0.1:9/hooks/twilio/status?m=ref1")
    using(twilio_at(sandbox.url), lambda gateway: gateway.send(outgoing))
    (request,) = sandbox.call("GET", "requests")["requests"]
    (address,) = parse_qs(request["body"])["StatusCallback"]
    assert address.partition("#")[2] == "rc=5&rp=all"


def test_list_of_what_went_out_holds_nothing_that_came_in(sandbox: SandboxProcess) -> None:
    sandbox.call("POST", "inbound", {"from": "+380671234567", "text": "hello"})

    async def work(gateway: Gateway) -> list[int]:
        return [len(page) async for page in gateway.list_since(AN_HOUR_AGO)]

    assert using(twilio_at(sandbox.url), work) == [0]


def test_validity_stays_within_bounds(sandbox: SandboxProcess) -> None:
    sandbox.fixture(keep_requests=10)

    async def work(gateway: Gateway) -> None:
        for seconds in (1, 90_000):
            await gateway.send(a_message(valid_for_seconds=seconds))

    using(twilio_at(sandbox.url), work)
    bodies = [request["body"] for request in sandbox.call("GET", "requests")["requests"]]
    assert ["ValidityPeriod=60" in bodies[0], "ValidityPeriod=36000" in bodies[1]] == [True, True]


def test_service_id_goes_into_its_own_field(sandbox: SandboxProcess) -> None:
    accepted = using(twilio_at(sandbox.url), lambda gateway: gateway.send(a_message(sender=SERVICE)))
    assert accepted.status == "accepted"


@pytest.mark.parametrize(
    ("suffix", "code", "action"),
    [
        ("0021614", "21614", Action.INVALIDATE_ADDRESS),
        ("0021610", "21610", Action.OPT_OUT),
        ("0021408", "21408", Action.PAUSE_RUN),
        ("0020003", "20003", Action.PAUSE_RUN),
        ("0021617", "21617", Action.PAUSE_RUN),
    ],
)
def test_refusal_says_what_to_do(sandbox: SandboxProcess, suffix: str, code: str, action: Action) -> None:
    with pytest.raises(RejectedError) as caught:
        using(twilio_at(sandbox.url), lambda gateway: gateway.send(a_message(f"+38067{suffix}")))
    assert (caught.value.code, caught.value.action) == (code, action)


def test_rate_limit_is_throttling(sandbox: SandboxProcess) -> None:
    with pytest.raises(ThrottledError) as caught:
        using(twilio_at(sandbox.url), lambda gateway: gateway.send(a_message("+380670099429")))
    assert caught.value.code == "20429"


@pytest.mark.parametrize("suffix", ["0099999", "0099998", "0099997", "0099996", "0099995", "0099502"])
def test_ambiguous_reply_is_unknown(sandbox: SandboxProcess, suffix: str) -> None:
    gateway = twilio_at(sandbox.url, total_seconds=0.3)
    with pytest.raises(UnknownOutcomeError):
        using(gateway, lambda gateway: gateway.send(a_message(f"+38067{suffix}")))
    assert len(sandbox.truth()) <= 1


def test_wrong_token_is_a_refusal(sandbox: SandboxProcess) -> None:
    with pytest.raises(RejectedError, match="20003"):
        using(twilio_at(sandbox.url, token="wrong"), lambda gateway: gateway.send(a_message()))


def test_fence_stops_before_first_byte(sandbox: SandboxProcess) -> None:
    class ClosedError(Exception):
        pass

    def fence() -> None:
        raise ClosedError

    async def work(gateway: object) -> None:
        await gateway.send(a_message(), fence)  # type: ignore[attr-defined]

    sandbox.fixture(keep_requests=10)
    with pytest.raises(ClosedError):
        using(twilio_at(sandbox.url), work)
    assert sandbox.call("GET", "requests")["requests"] == []


def test_refused_connection_sent_nothing() -> None:
    with pytest.raises(NotSentError, match="refused"):
        using(twilio_at("http://127.0.0.1:1"), lambda gateway: gateway.send(a_message()))


def test_unknown_name_sent_nothing() -> None:
    with pytest.raises(NotSentError, match="name_not_found"):
        using(twilio_at("http://sandbox.invalid"), lambda gateway: gateway.send(a_message()))


def test_list_finds_messages_to_one_number(sandbox: SandboxProcess) -> None:
    async def work(gateway: object) -> tuple[Accepted, list[object]]:
        accepted = await gateway.send(a_message())  # type: ignore[attr-defined]
        await gateway.send(a_message("+380671234568"))  # type: ignore[attr-defined]
        return accepted, await gateway.list_to("+380671234567", AN_HOUR_AGO)  # type: ignore[attr-defined]

    accepted, found = using(twilio_at(sandbox.url), work)
    assert [(message.provider_id, message.body) for message in found] == [  # type: ignore[attr-defined]
        (accepted.provider_id, a_message().body)
    ]


def test_list_gives_every_page(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.gateways.twilio.messages.PAGE_SIZE", 2)

    async def work(gateway: object) -> list[int]:
        for number in range(5):
            await gateway.send(a_message(f"+38067123456{number}"))  # type: ignore[attr-defined]
        return [len(page) async for page in gateway.list_since(AN_HOUR_AGO)]  # type: ignore[attr-defined]

    assert using(twilio_at(sandbox.url), work) == [2, 2, 1]


def test_list_stops_at_older_messages(sandbox: SandboxProcess) -> None:
    async def work(gateway: object) -> list[object]:
        await gateway.send(a_message())  # type: ignore[attr-defined]
        later = datetime.now(UTC) + timedelta(minutes=5)
        return await gateway.list_to("+380671234567", later)  # type: ignore[attr-defined,no-any-return]

    assert using(twilio_at(sandbox.url), work) == []


def test_list_of_unreachable_provider_is_unavailable() -> None:
    gateway = twilio_at("http://127.0.0.1:1")
    with pytest.raises(UnavailableError):
        using(gateway, lambda gateway: gateway.list_to("+380671234567", AN_HOUR_AGO))
