"""SMS over Twilio by the official client."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.rest import Client

from campaigns.core.errors import UnavailableError
from campaigns.gateways.base import (
    Accepted,
    Action,
    Fence,
    Outgoing,
    ProviderMessage,
    RejectedError,
    SendError,
    UnknownOutcomeError,
)
from campaigns.gateways.codes import action_for
from campaigns.gateways.http import CONNECT_SECONDS, TOTAL_SECONDS, current_fence
from campaigns.gateways.kinds import Credential, Opening
from campaigns.gateways.pooled_http import PooledHttpClient
from campaigns.gateways.twilio_callbacks import TwilioCallbacks

NAME = TwilioCallbacks.name
PAGE_SIZE = 1000
#: Shape of a Messaging Service id, which takes another field than a number or name.
MESSAGING_SERVICE = re.compile(r"MG[0-9a-f]{32}")
#: Bounds of ValidityPeriod in seconds.
SHORTEST_VALIDITY, LONGEST_VALIDITY = 60, 36_000
#: Shape of an account's id.
ACCOUNT = re.compile(r"AC\w+")


class TwilioSms:
    """The gateway to one Twilio account."""

    name = NAME
    keeps_list = True

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
        client = Client(account, token, http_client=self._http, environment={"TWILIO_EDGE": ""})
        if base_url:
            client.api.base_url = base_url.rstrip("/")
        self._messages = client.messages

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        """Create one message at Twilio; see Gateway.send."""
        current_fence.set(fence)
        try:
            message = await self._messages.create_async(**_fields_of(outgoing))
        except (TwilioRestException, TwilioServiceException) as error:
            raise _failure_of(error.status, error.code) from error
        except (TwilioException, ValueError, TypeError, AttributeError) as error:
            # A reply the library cannot read: broken JSON, or JSON that is no message.
            raise UnknownOutcomeError("broken_reply") from error
        if not isinstance(message.sid, str) or not message.sid:
            raise UnknownOutcomeError("no_provider_id")
        return Accepted(provider_id=message.sid, status=str(message.status))

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        """Return the messages to one number; see Gateway.list_to."""
        return [message async for page in self._pages(since, to=to) for message in page]

    def list_since(self, since: datetime) -> AsyncIterator[list[ProviderMessage]]:
        """Give the account's messages page by page; see Gateway.list_since."""
        return self._pages(since)

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _pages(self, since: datetime, **filters: str) -> AsyncIterator[list[ProviderMessage]]:
        # DateSent is no filter for us: it is empty while a message waits in Twilio's queue, and exactly those
        # must be seen. The list is newest first, so reading stops at the first older message.
        current_fence.set(None)
        earliest = since.replace(microsecond=0)
        try:
            page = await self._messages.page_async(page_size=PAGE_SIZE, **filters)
            while page is not None:
                found = [_listed(message) for message in page]
                fresh = [message for message in found if message.created_at >= earliest]
                yield fresh
                page = await page.next_page_async() if len(fresh) == len(found) else None
        except (SendError, TwilioException, ValueError, TypeError, AttributeError) as error:
            raise UnavailableError("Twilio's list of messages cannot be read.") from error


class TwilioKind:
    """Twilio as a kind of gateway."""

    name = NAME
    title = "Twilio"
    channels = ("sms",)
    reaches_people = True
    sandbox_account = "AC" + "5b" * 16
    has_status_url = True

    def open(self, opening: Opening) -> TwilioSms:
        """Return the gateway to one account."""
        credential = opening.credential
        return TwilioSms(
            credential.account, credential.token, base_url=opening.origin, connections=opening.connections
        )

    def reader(self, credentials: Sequence[Credential]) -> TwilioCallbacks | None:
        """Return the reader of the accounts among `credentials` that are Twilio's."""
        accounts = [each for each in credentials if ACCOUNT.fullmatch(each.account)]
        return TwilioCallbacks(accounts) if accounts else None


KIND = TwilioKind()


def _fields_of(outgoing: Outgoing) -> dict[str, Any]:
    """Return the library's arguments for a message."""
    fields: dict[str, Any] = {
        "to": outgoing.to,
        "body": outgoing.body,
        "validity_period": min(max(outgoing.valid_for_seconds, SHORTEST_VALIDITY), LONGEST_VALIDITY),
    }
    if outgoing.callback_url is not None:
        fields["status_callback"] = outgoing.callback_url
    service = MESSAGING_SERVICE.fullmatch(outgoing.sender)
    fields["messaging_service_sid" if service else "from_"] = outgoing.sender
    return fields


def _failure_of(status: int, code: object) -> SendError:
    """Classify a refusal once: 4xx created nothing, anything else may have."""
    word = str(code)[:40]
    action = action_for(word, synchronous=True)
    if not 400 <= status < 500 or action is Action.RECONCILE:
        return UnknownOutcomeError(word)
    return RejectedError(word, action)


def _listed(message: Any) -> ProviderMessage:
    return ProviderMessage(
        provider_id=str(message.sid),
        to=str(message.to),
        sender=message.messaging_service_sid or message.from_ or "",
        body=message.body or "",
        status=str(message.status),
        error=str(message.error_code) if message.error_code else None,
        created_at=message.date_created.astimezone(UTC),
    )
