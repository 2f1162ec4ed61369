"""Twilio's unmodified client, synchronous or asynchronous, behind one way to call it."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from tests.sandbox.process import DEFAULTS, SandboxProcess

KINDS = ("sync", "async")


class TwilioClient:
    """One client of either kind, pointed at a sandbox; the asynchronous one has a loop of its own."""

    def __init__(
        self,
        sandbox: SandboxProcess,
        kind: str,
        *,
        account: str = DEFAULTS.account_sid,
        token: str = DEFAULTS.auth_token,
        **options: Any,
    ) -> None:
        self.kind = kind
        self._runner = asyncio.Runner()
        http = TwilioHttpClient(**options) if kind == "sync" else self._runner.run(_async_http(options))
        self._http: Any = http
        self.api = sandbox.point(Client(account, token, http_client=http))

    def __enter__(self) -> TwilioClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.kind == "sync":
            self._http.session.close()
        else:
            self._runner.run(self._http.close())
        self._runner.close()

    def do(self, resource: Any, verb: str, *args: Any, **fields: Any) -> Any:
        """Call `resource.verb`, or its asynchronous twin, and return what it returns."""
        if self.kind == "sync":
            return getattr(resource, verb)(*args, **fields)
        return self._runner.run(getattr(resource, f"{verb}_async")(*args, **fields))


async def _async_http(options: dict[str, Any]) -> AsyncTwilioHttpClient:
    return AsyncTwilioHttpClient(**options)
