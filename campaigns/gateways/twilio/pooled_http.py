"""The `twilio` library makes its calls over this HTTP client.

The library's own asynchronous client has no working time-out and may repeat a POST; neither can be borne where a
repeated request is a second message to a person.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any

from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from campaigns.gateways.transport.http import CONNECT_SECONDS, TOTAL_SECONDS, ProviderHttp, check_reply, form_body

_log = logging.getLogger(__name__)


class PooledHttpClient(AsyncHttpClient):  # type: ignore[misc] # the library has no types
    """Makes exactly one request a call and raises SendErrors for what the library would misread."""

    def __init__(
        self, *, connections: int, connect_seconds: float = CONNECT_SECONDS, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        super().__init__(_log, True, None)
        self._http = ProviderHttp(
            connections=connections, connect_seconds=connect_seconds, total_seconds=total_seconds
        )
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
        """Return the reply to one request: 2xx and 4xx in JSON.

        Raises NotSentError when no byte left, ThrottledError on 429, UnknownOutcomeError for everything else.
        `timeout` and `allow_redirects` are ignored: the pool decides.
        """
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = self._basic(auth)
        query = {name: str(value) for name, value in params.items()} if params else None
        reply = await self._http.request(method, uri, query=query, body=_body_of(data, sent), headers=sent)
        check_reply(reply)
        return Response(reply.status, reply.text)

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()

    def _basic(self, auth: tuple[str, str]) -> str:
        known = self._authorization.get(auth)
        if known is None:
            known = "Basic " + base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
            self._authorization[auth] = known
        return known


def _body_of(data: Any, headers: Mapping[str, str]) -> bytes | None:
    """Return the body as the library means it: its newer services take JSON."""
    if not data:
        return None
    if headers.get("Content-Type") == "application/json":
        return json.dumps(data).encode()
    return form_body(data)
