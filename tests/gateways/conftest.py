"""A sandbox process for the module, and gateways that are closed after their test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from campaigns.gateways.base import Outgoing
from campaigns.gateways.twilio.kind import TwilioSms
from tests.sandbox.process import DEFAULTS, SENDER


class Closing(Protocol):
    """What holds connections: a gateway, a book of templates."""

    async def close(self) -> None: ...


C = TypeVar("C", bound=Closing)
T = TypeVar("T")


def twilio_at(url: str, **options: Any) -> TwilioSms:
    """Return the gateway pointed at `url` with the sandbox's credential."""
    values: dict[str, Any] = {"base_url": url, "connect_seconds": 2.0, "total_seconds": 3.0} | options
    return TwilioSms(DEFAULTS.account_sid, values.pop("token", DEFAULTS.auth_token), **values)


def using(opened: C, work: Callable[[C], Awaitable[T]]) -> T:
    """Run `work(opened)` in a loop of its own and close it there."""

    async def run() -> T:
        try:
            return await work(opened)
        finally:
            await opened.close()

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
