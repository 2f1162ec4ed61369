"""HTTP to a provider: one pool, real time-outs, exactly one request a call, and its failures told apart.

No request is ever repeated here: a repeated request may be a second message to a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from yarl import URL

from campaigns.core import clock
from campaigns.core.crash import crash_point, planned_crash
from campaigns.gateways.base import Fence, NotSentError, ThrottledError, UnknownOutcomeError

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
#: Idle connections are dropped before the provider's side drops them, because a write into a connection that is
#: just being closed has an unknown outcome.
KEEPALIVE_SECONDS = 12.0

#: The fence of the call that the present task makes; set it where a library stands between us and the request.
current_fence: ContextVar[Fence | None] = ContextVar("current_fence", default=None)


@dataclass(frozen=True, slots=True)
class RawReply:
    """What came back, before anybody believes it to be the provider's."""

    status: int
    text: str
    content_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """A 2xx or 4xx answer in JSON: the provider itself speaks."""

    status: int
    json: dict[str, Any]


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


class ProviderHttp:
    """The connections to one provider, opened at the first call in the loop that runs then."""

    def __init__(
        self,
        *,
        connections: int = 64,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._connections = connections
        self._timeout = aiohttp.ClientTimeout(total=total_seconds, connect=connect_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        *,
        form: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        fence: Fence | None = None,
    ) -> Reply:
        """Post a form and return the provider's answer in JSON, a refusal (4xx) too.

        Raises NotSentError when no byte left, ThrottledError on 429, UnknownOutcomeError for everything that is
        no JSON object of the provider's (5xx, redirect, HTML, nothing, half a reply), and what `fence` raises.
        """
        current_fence.set(fence)
        sent = {
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
            **(headers or {}),
        }
        raw = await self.request("POST", url, body=form_body(form), headers=sent)
        check_reply(raw)
        return Reply(raw.status, object_in(raw.text))

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | aiohttp.FormData | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawReply:
        """Return whatever came back, for a caller that reads it with care; see `check_reply`.

        Raises NotSentError when no byte left, UnknownOutcomeError when no whole reply came, and what
        `current_fence` raises.
        """
        try:
            async with self._open().request(
                method, url, params=query, data=body, headers=headers, allow_redirects=False
            ) as reply:
                text = await reply.text("utf-8", "replace")
                return RawReply(reply.status, text, reply.content_type, reply.headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSentError(_word_for(error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnknownOutcomeError(_word_for(error)) from error

    async def close(self) -> None:
        """Close the connections; closing twice is fine."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=FencedConnector(limit=self._connections, keepalive_timeout=KEEPALIVE_SECONDS),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=_crash_traces(),
            )
        return self._session


def form_body(fields: Mapping[str, str | Sequence[str]]) -> bytes:
    """Return fields as a form is sent; a list repeats its field. yarl needs a third of `urlencode`'s time.

    Raises UnicodeEncodeError for what is no text: yarl would leave half a surrogate pair out.
    """
    for value in fields.values():
        for text in [value] if isinstance(value, str) else value:
            text.encode()
    return URL.build(query=fields).raw_query_string.encode()


def check_reply(reply: RawReply) -> None:
    """Raise ThrottledError for 429, and UnknownOutcomeError for what is no 2xx or 4xx answer in JSON.

    A proxy or firewall in between answers in HTML, and then nobody knows what the provider did.
    """
    if reply.status == 429:
        seconds = _seconds_in(reply.headers.get("Retry-After"))
        raise ThrottledError(_code_in(reply.text) or "429", retry_after_seconds=seconds)
    if reply.status >= 500:
        raise UnknownOutcomeError(_code_in(reply.text) or f"http_{reply.status}")
    if 300 <= reply.status < 400:
        raise UnknownOutcomeError(f"http_{reply.status}")
    if reply.content_type != "application/json" and not reply.content_type.endswith("+json"):
        raise UnknownOutcomeError("content_type")


def object_in(text: str) -> dict[str, Any]:
    """Return the JSON object that a provider's answer is; raise UnknownOutcomeError when it is none."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UnknownOutcomeError("broken_reply") from error
    if not isinstance(found, dict):
        raise UnknownOutcomeError("broken_reply")
    return found


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
    if retry_after.strip().isdecimal():
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
