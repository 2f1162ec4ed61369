"""What every gateway does alike: accepts once, asks the fence, lists what it accepted."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from campaigns.core.errors import RefusedError
from campaigns.gateways.base import Gateway
from campaigns.gateways.console import ConsoleGateway
from tests.gateways.conftest import a_message, twilio_at, using
from tests.sandbox.process import SandboxProcess

SINCE = datetime.now(UTC) - timedelta(minutes=1)


@pytest.fixture(params=["twilio", "console"])
def gateway(request: pytest.FixtureRequest) -> Gateway:
    if request.param == "console":
        return ConsoleGateway(io.StringIO())
    sandbox: SandboxProcess = request.getfixturevalue("sandbox")
    return twilio_at(sandbox.url)


def test_acceptances_have_their_own_ids(gateway: Gateway) -> None:
    async def work(gateway: Gateway) -> set[str]:
        return {(await gateway.send(a_message())).provider_id for _ in range(3)}

    assert len(using(gateway, work)) == 3


def test_fence_is_asked_once(gateway: Gateway) -> None:
    asked: list[None] = []

    async def work(gateway: Gateway) -> None:
        await gateway.send(a_message(), lambda: asked.append(None))

    using(gateway, work)
    assert len(asked) == 1


def test_closed_fence_lets_nothing_through(gateway: Gateway) -> None:
    def refuse() -> None:
        raise RefusedError

    async def work(gateway: Gateway) -> int:
        with pytest.raises(RefusedError):
            await gateway.send(a_message(), refuse)
        return len(await gateway.list_to(a_message().to, SINCE))

    assert using(gateway, work) == 0


def test_list_shows_what_was_accepted(gateway: Gateway) -> None:
    async def work(gateway: Gateway) -> tuple[str, list[str], list[str]]:
        accepted = await gateway.send(a_message())
        one = await gateway.list_to(a_message().to, SINCE)
        every = [message.provider_id async for page in gateway.list_since(SINCE) for message in page]
        return accepted.provider_id, [message.provider_id for message in one], every

    provider_id, one, every = using(gateway, work)
    assert one == every == [provider_id]


def test_console_masks_the_handle() -> None:
    stream = io.StringIO()
    send: Callable[[Gateway], object] = lambda gateway: gateway.send(a_message())  # noqa: E731
    using(ConsoleGateway(stream), send)  # type: ignore[arg-type]
    assert "+380671234567" not in stream.getvalue()
    assert a_message().body in stream.getvalue()
