"""The HTTP client under the `twilio` library: one pool, real time-outs, no retries, and errors told apart.

The library's own asynchronous client has no working time-out and may repeat a POST; neither can be borne where a
repeated request is a second message to a person.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from campaigns.core import clock
from campaigns.core.crash import crash_point, planned_crash
from campaigns.gateways.base import Fence, NotSentError, ThrottledError, UnknownOutcomeError

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
#: Idle connections are dropped before Twilio's side drops them, because a write into a connection that is just
#: being closed has an unknown outcome.
KEEPALIVE_SECONDS = 12.0

_log = logging.getLogger(__name__)

#: The fence of the call that the present task makes.
current_fence: ContextVar[Fence | None] = ContextVar("current_fence", default=None)


class FencedConnector(aiohttp.TCPConnector):
    """Asks the fence of the call once a connection is ready: the last moment before the first byte."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:
        connection = await super().connect(req, traces, timeout)
        fence = current_fence.get()
        if fence is not None:
            try:
                fence()
            except BaseException:
                connection.release()
                raise
        return connection


class PooledHttpClient(AsyncHttpClient):  # type: ignore[misc] # the library has no types
    """Makes exactly one request a call and raises SendErrors for what the library would misread."""

    def __init__(
        self, *, connections: int, connect_seconds: float = CONNECT_SECONDS, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        super().__init__(_log, True, None)
        self._connections = connections
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._authorization: dict[tuple[str, str], str] = {}

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """Return the reply to one request.

        Raises NotSentError when no byte left, ThrottledError on 429, UnknownOutcomeError for everything else that
        is not JSON from the provider. `timeout` and `allow_redirects` are ignored: the pool decides.
        """
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = self._basic(auth)
        query = {name: str(value) for name, value in params.items()} if params else None
        body = urlencode(data, doseq=True).encode() if data else None
        try:
            async with self._open().request(
                method, uri, params=query, data=body, headers=sent, allow_redirects=False
            ) as reply:
                return _checked(reply, await reply.text("utf-8", "replace"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(_word_for(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnknownOutcomeError(_word_for(error)) from error

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        # Made at the first call, because a session belongs to the loop that runs then.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=FencedConnector(limit=self._connections, keepalive_timeout=KEEPALIVE_SECONDS),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=_crash_traces(),
            )
        return self._session

    def _basic(self, auth: tuple[str, str]) -> str:
        known = self._authorization.get(auth)
        if known is None:
            known = "Basic " + base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
            self._authorization[auth] = known
        return known


def _checked(reply: aiohttp.ClientResponse, text: str) -> Response:
    """Return what the library may read: 2xx and 4xx in JSON, 5xx of any kind (their status says enough)."""
    if reply.status == 429:
        raise ThrottledError(
            _code_in(text) or "429", retry_after_seconds=_seconds_in(reply.headers.get("Retry-After"))
        )
    if 300 <= reply.status < 400:
        raise UnknownOutcomeError(f"http_{reply.status}")
    if reply.status < 500 and reply.content_type != "application/json":
        raise UnknownOutcomeError("content_type")
    return Response(reply.status, text, reply.headers)


def _code_in(text: str) -> str | None:
    try:
        code = json.loads(text).get("code")
    except (ValueError, AttributeError):
        return None
    return str(code)[:40] if code is not None else None


def _seconds_in(retry_after: str | None) -> float | None:
    """Read Retry-After (RFC 9110 §10.2.3): seconds, or the date after which to come back."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - clock.now()).total_seconds())


def _word_for(error: Exception) -> str:
    """Name a transport failure for the delivery's error column, which has no room for a sentence."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name_not_found"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "connect_timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "refused"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "broken_reply" if isinstance(error, aiohttp.ClientPayloadError) else "disconnected"


def _crash_traces() -> list[aiohttp.TraceConfig] | None:
    """Watch for written requests, only when a test asked for a crash: tracing costs time on every call."""
    if planned_crash() is None:
        return None

    async def written(session: Any, context: Any, sent: aiohttp.TraceRequestChunkSentParams) -> None:
        crash_point("written")

    config = aiohttp.TraceConfig()
    config.on_request_chunk_sent.append(written)
    return [config]
