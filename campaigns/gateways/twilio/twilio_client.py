"""One Twilio account has the official client on connections of our own, pointed where we say."""

from __future__ import annotations

from twilio.rest import Client

from campaigns.gateways.transport.http import CONNECT_SECONDS, TOTAL_SECONDS
from campaigns.gateways.twilio.pooled_http import PooledHttpClient


class TwilioAccount:
    """The unmodified client of one account; `base_url` ('' is Twilio's own) moves every service we use."""

    def __init__(
        self,
        account: str,
        token: str,
        *,
        base_url: str = "",
        connections: int = 64,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._http = PooledHttpClient(
            connections=connections, connect_seconds=connect_seconds, total_seconds=total_seconds
        )
        # An environment of its own: TWILIO_EDGE and TWILIO_REGION would rewrite the sandbox's address.
        self.client = Client(account, token, http_client=self._http, environment={"TWILIO_EDGE": ""})
        if base_url:
            self.client.api.base_url = self.client.content.base_url = base_url.rstrip("/")

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()
