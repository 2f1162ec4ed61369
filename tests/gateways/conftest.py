"""A sandbox process for the module, and gateways that are closed after their test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from campaigns.gateways.base import Gateway, Outgoing
from campaigns.gateways.twilio import TwilioSms
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess

T = TypeVar("T")


@pytest.fixture(scope="module")
def sandbox_process() -> Iterator[SandboxProcess]:
    with SandboxProcess("--late-s", "0.4") as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    sandbox_process.reset()
    return sandbox_process


def twilio_at(url: str, **options: Any) -> TwilioSms:
    """Return the gateway pointed at `url` with the sandbox's credential."""
    values: dict[str, Any] = {"base_url": url, "connect_seconds": 2.0, "total_seconds": 3.0} | options
    return TwilioSms(DEFAULTS.account_sid, values.pop("token", DEFAULTS.auth_token), **values)


def using(gateway: Gateway, work: Callable[[Any], Awaitable[T]]) -> T:
    """Run `work(gateway)` in a loop of its own and close the gateway in it."""

    async def run() -> T:
        try:
            return await work(gateway)
        finally:
            await gateway.close()

    return asyncio.run(run())


def a_message(to: str = "+380671234567", **changes: Any) -> Outgoing:
    values: dict[str, Any] = {
        "reference": "ref1",
        "body": "Паспорт тримайте при собі 👋 +&=",
        "sender": SENDER,
        "callback_url": None,
        "valid_for_seconds": 3600,
    }
    return Outgoing(to=to, **values | changes)
