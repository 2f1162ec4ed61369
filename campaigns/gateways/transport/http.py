"""HTTP to a provider has one pool, real time-outs, exactly one request a call, and failures told apart.

No request is ever repeated here: a repeated request may be a second message to a person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from yarl import URL

from campaigns.gateways.base import Fence, ThrottledError, UnknownOutcomeError
from campaigns.gateways.transport.provider_call import Call, RawReply
from campaigns.gateways.transport.transfers import Transfers

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0

#: The fence of the call that the present task makes; set it where a library stands between us and the request.
current_fence: ContextVar[Fence | None] = ContextVar("current_fence", default=None)


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
        self._seconds = {"connect_seconds": connect_seconds, "total_seconds": total_seconds}
        self._transfers: Transfers | None = None
        self._idle: list[Call] = []

    async def request(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawReply:
        """Return whatever came back, for a caller that reads it with care; see `check_reply`.

        Raises NotSentError when no byte left, UnknownOutcomeError when no whole reply came, and what
        `current_fence` raises.
        """
        if self._transfers is None:
            self._transfers = Transfers(connections=self._connections)
        transfers = self._transfers
        if query:
            url = f"{url}?{form_body(query).decode()}"
        call = self._idle.pop() if self._idle else Call(transfers, **self._seconds)
        try:
            return await call.make(method, url, body=body, headers=headers or {}, fence=current_fence.get())
        finally:
            if self._transfers is transfers:
                self._idle.append(call)
            else:
                call.close()

    async def close(self) -> None:
        """Close the connections; closing twice is fine."""
        if self._transfers is not None:
            self._transfers.close()
            self._transfers = None
        while self._idle:
            self._idle.pop().close()


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
        raise ThrottledError(_code_in(reply.text) or "429", retry_after_seconds=reply.retry_after_seconds)
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
