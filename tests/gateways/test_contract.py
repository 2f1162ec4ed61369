"""What every gateway does alike, whatever its provider does: accept once, ask the fence, tell failures apart."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from campaigns.core.errors import RefusedError, UnavailableError
from campaigns.gateways.base import (
    Gateway,
    NotSentError,
    ProviderMessage,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.gateways.adapters import ADAPTERS, REMOTE, Adapter
from tests.gateways.canned import SILENCE, CannedServer, answering, http
from tests.gateways.conftest import using
from tests.sandbox.process import SandboxProcess

SINCE = datetime.now(UTC) - timedelta(minutes=1)
JSON = "Content-Type: application/json"
QUICK = {"connect_seconds": 2.0, "total_seconds": 0.4}

every_gateway = pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
every_remote = pytest.mark.parametrize("adapter", REMOTE, ids=lambda adapter: adapter.name)


@pytest.fixture
def gateway(adapter: Adapter, sandbox: SandboxProcess) -> Gateway:
    sandbox.fixture(**adapter.fixture)
    return adapter.open(sandbox.url)


def outcome_of(adapter: Adapter, url: str, to: str = "", **options: object) -> SendError:
    """Return the error that a message ends with at a provider."""
    with pytest.raises(SendError) as caught:
        using(adapter.open(url, **QUICK | options), lambda gateway: gateway.send(adapter.message(to)))
    return caught.value


@every_gateway
def test_acceptances_have_their_own_ids(adapter: Adapter, gateway: Gateway) -> None:
    async def work(gateway: Gateway) -> list[str]:
        return [(await gateway.send(adapter.message())).provider_id for _ in range(3)]

    ids = using(gateway, work)
    assert len(set(ids)) == 3
    assert all(0 < len(one) <= 64 for one in ids)


@every_gateway
def test_fence_is_asked_once(adapter: Adapter, gateway: Gateway) -> None:
    asked: list[None] = []
    using(gateway, lambda gateway: gateway.send(adapter.message(), lambda: asked.append(None)))
    assert len(asked) == 1


@every_gateway
def test_calls_at_once_ask_their_own_fences(adapter: Adapter, gateway: Gateway) -> None:
    asked: list[int] = []

    async def work(gateway: Gateway) -> None:
        await asyncio.gather(
            *(gateway.send(adapter.message(), partial(asked.append, number)) for number in range(8))
        )

    using(gateway, work)
    assert sorted(asked) == list(range(8))


@every_gateway
def test_closed_fence_lets_nothing_through(
    adapter: Adapter, gateway: Gateway, sandbox: SandboxProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise RefusedError

    with pytest.raises(RefusedError):
        using(gateway, lambda gateway: gateway.send(adapter.message(), refuse))
    assert sandbox.truth() == []
    assert capsys.readouterr().out == ""


@every_gateway
def test_next_call_may_pass_again(adapter: Adapter, gateway: Gateway) -> None:
    def refuse() -> None:
        raise RefusedError

    async def work(gateway: Gateway) -> str:
        with pytest.raises(RefusedError):
            await gateway.send(adapter.message(), refuse)
        return (await gateway.send(adapter.message())).provider_id

    assert using(gateway, work)


def timeless(lines: list[ProviderMessage]) -> list[ProviderMessage]:
    """Return lines of a list without what may change between two looks."""
    return [replace(line, status="", error=None) for line in lines]


@every_gateway
def test_list_shows_what_was_accepted(adapter: Adapter, gateway: Gateway) -> None:
    async def work(gateway: Gateway) -> None:
        accepted = await gateway.send(adapter.message())
        if not gateway.keeps_list:
            with pytest.raises(UnavailableError):
                await gateway.list_to(adapter.person, SINCE)
            with pytest.raises(UnavailableError):
                _ = [page async for page in gateway.list_since(SINCE)]
            return
        one = await gateway.list_to(adapter.person, SINCE)
        every = [message async for page in gateway.list_since(SINCE) for message in page]
        seen = [(line.provider_id, line.to, line.sender, line.body) for line in one]
        assert seen == [(accepted.provider_id, adapter.person, adapter.sender, adapter.message().body)]
        assert timeless(every) == timeless(one)

    using(gateway, work)


@every_gateway
def test_handle_is_never_logged(
    adapter: Adapter, gateway: Gateway, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        using(gateway, lambda gateway: gateway.send(adapter.message()))
    printed = capsys.readouterr()
    assert adapter.person not in caplog.text + printed.out + printed.err


@every_gateway
def test_closing_twice_is_fine(adapter: Adapter, gateway: Gateway) -> None:
    async def work(gateway: Gateway) -> None:
        await gateway.send(adapter.message())
        await gateway.close()

    using(gateway, work)


@every_gateway
def test_unused_gateway_closes(adapter: Adapter, gateway: Gateway) -> None:
    asyncio.run(gateway.close())


@every_remote
def test_message_arrives_whole(adapter: Adapter, gateway: Gateway, sandbox: SandboxProcess) -> None:
    using(gateway, lambda gateway: gateway.send(adapter.message()))
    (message,) = sandbox.truth()
    assert (message["to"], message["body"]) == (adapter.address, adapter.message().body)


@pytest.mark.parametrize(
    ("adapter", "to"),
    [(adapter, to) for adapter in REMOTE for to in adapter.refused],
    ids=lambda value: getattr(value, "name", value),
)
def test_refusal_says_what_to_do(adapter: Adapter, gateway: Gateway, to: str, sandbox: SandboxProcess) -> None:
    with pytest.raises(RejectedError) as caught:
        using(gateway, lambda gateway: gateway.send(adapter.message(to)))
    assert caught.value.action is adapter.refused[to]
    assert sandbox.truth() == []


@every_remote
def test_wrong_credential_blames_no_person(adapter: Adapter, sandbox: SandboxProcess) -> None:
    error = outcome_of(adapter, sandbox.url, token="wrong-token")
    assert isinstance(error, RejectedError)
    assert error.action is adapter.bad_token


@every_remote
@pytest.mark.parametrize("after", ["close", "cut", "502", "503", "html", "empty", "half", "type"])
def test_lost_reply_is_no_second_message(adapter: Adapter, sandbox: SandboxProcess, after: str) -> None:
    sandbox.fixture(**adapter.fixture)
    sandbox.call("POST", "faults", {"action": {"after": after, "is_exact": True}})
    assert isinstance(outcome_of(adapter, sandbox.url), UnknownOutcomeError)
    assert len(sandbox.truth()) == 1


def nonsense(adapter: Adapter) -> dict[str, bytes | None]:
    """Return answers after which nobody knows whether the message was taken."""
    good = adapter.good
    half = good[: len(good) // 2]
    return {
        "html": http("200 OK\r\nContent-Type: text/html", "<html>Welcome</html>"),
        "html-refusal": http("403 Forbidden\r\nContent-Type: text/html", "<html>Blocked by proxy</html>"),
        "wrong-type": http("201 Created\r\nContent-Type: text/plain", good),
        "no-type": http("201 Created", good),
        "empty": http(f"201 Created\r\n{JSON}"),
        "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
        "half-json": http(f"201 Created\r\n{JSON}", half),
        "half-sent": http(f"201 Created\r\n{JSON}", half, promised=len(good.encode())),
        "half-head": b"HTTP/1.1 201 Crea",
        "other-protocol": b"220 mail.example.org ESMTP\r\n",
        "list": http(f"201 Created\r\n{JSON}", "[1, 2]"),
        "other-object": http(f"201 Created\r\n{JSON}", '{"hello": "world"}'),
        "redirect": http("302 Found\r\nLocation: http://127.0.0.1:1/"),
        "repeat-elsewhere": http("307 Again\r\nLocation: http://127.0.0.1:1/"),
        "500": http(f"500 Oops\r\n{JSON}", '{"code": 20500, "message": "error", "status": 500}'),
        "502": http("502 Bad Gateway\r\nContent-Type: text/html", "<html></html>"),
        "503": http(f"503 Busy\r\n{JSON}", '{"ok": false, "error_code": 503, "description": "x"}'),
        "closed": b"",
        "silence": SILENCE,
    }


@every_remote
@pytest.mark.parametrize("answer", nonsense(REMOTE[0]))
def test_nonsense_is_unknown_after_one_request(adapter: Adapter, answer: str) -> None:
    with answering(nonsense(adapter)[answer]) as server:
        assert isinstance(outcome_of(adapter, server.url), UnknownOutcomeError)
        assert server.requests == 1


@every_remote
def test_good_reply_is_an_acceptance(adapter: Adapter) -> None:
    assert json.loads(adapter.good)
    with answering(http(f"200 OK\r\n{JSON}", adapter.good)) as server:
        accepted = using(adapter.open(server.url), lambda gateway: gateway.send(adapter.message()))
    assert accepted.provider_id


@every_remote
def test_rate_limit_says_how_long(adapter: Adapter) -> None:
    with answering(http(f"429 Too Many\r\n{JSON}\r\nRetry-After: 7", adapter.too_fast)) as server:
        error = outcome_of(adapter, server.url)
    assert isinstance(error, ThrottledError)
    assert error.retry_after_seconds == 7


@every_remote
@pytest.mark.parametrize("origin", ["http://127.0.0.1:1", "http://sandbox.invalid", "https://127.0.0.1:1"])
def test_unreachable_provider_got_nothing(adapter: Adapter, origin: str) -> None:
    # Asking for a name may take longer than an answer is waited for elsewhere here.
    assert isinstance(outcome_of(adapter, origin, total_seconds=5.0), NotSentError)


@every_remote
def test_hanging_handshake_sent_nothing(adapter: Adapter) -> None:
    with answering(SILENCE) as server:
        origin = server.url.replace("http:", "https:")
        error = outcome_of(adapter, origin, connect_seconds=0.2, total_seconds=5.0)
        assert server.requests == 0
    assert isinstance(error, NotSentError)


@every_remote
def test_fence_is_asked_right_before_first_byte(adapter: Adapter) -> None:
    with answering(http(f"200 OK\r\n{JSON}", adapter.good)) as server:
        seen = using(adapter.open(server.url), lambda gateway: _seen_by_fence(gateway, adapter, server))
    assert seen == [(1, 0)]


async def _seen_by_fence(gateway: Gateway, adapter: Adapter, server: CannedServer) -> list[tuple[int, int]]:
    """Return how many connections and requests the server has when the fence is asked."""
    seen: list[tuple[int, int]] = []

    def fence() -> None:
        # The connection stands as soon as the kernel says so; the server's thread counts it a moment later.
        for _ in range(1000):
            if server.connections:
                break
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.001), server.loop).result()
        seen.append((server.connections, server.requests))

    await gateway.send(adapter.message(), fence)
    return seen
