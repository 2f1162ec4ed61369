"""SMS over Twilio by the official client, and the reader of Twilio's signed callbacks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from multidict import MultiDict
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)
from twilio.rest import Client

from campaigns.core.errors import UnavailableError
from campaigns.gateways.base import (
    Accepted,
    Action,
    Fence,
    Inbound,
    Outgoing,
    ProviderMessage,
    RejectedError,
    SendError,
    StatusUpdate,
    UnknownOutcomeError,
)
from campaigns.gateways.codes import action_for
from campaigns.gateways.pooled_http import (
    CONNECT_SECONDS,
    TOTAL_SECONDS,
    PooledHttpClient,
    current_fence,
)

NAME = "twilio"
PAGE_SIZE = 1000
#: Shape of a Messaging Service id, which takes another field than a number or name.
MESSAGING_SERVICE = re.compile(r"MG[0-9a-f]{32}")
#: Bounds of ValidityPeriod in seconds.
SHORTEST_VALIDITY, LONGEST_VALIDITY = 60, 36_000
#: Fields of a callback that hold a handle or are read into fields of their own.
_NOT_KEPT = frozenset({"From", "To", "ChannelToAddress", "WaId", "ProfileName", "Body", "ExternalUserId"})


class TwilioSms:
    """The gateway to one Twilio account."""

    name = NAME

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


class TwilioCallbacks:
    """Verifies and reads what Twilio posts for one account."""

    name = NAME

    def __init__(self, token: str) -> None:
        self._validator = RequestValidator(token)

    def is_genuine(self, url: str, form: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> bool:
        """Say whether X-Twilio-Signature fits the raw URL and form; see CallbackReader.is_genuine."""
        found = {name.lower(): value for name, value in headers.items()}
        signature = found.get(SIGNATURE_HEADER.lower(), "")
        algorithm = get_signature_algorithm(found.get(SIGNATURE_SETTINGS_HEADER.lower()))
        try:
            return bool(self._validator.validate(url, MultiDict(form), signature, algorithm))
        except ValueError:
            # A URL that is none, or text that is no Unicode: nothing Twilio signs.
            return False

    def read_status(self, reference: str, form: Sequence[tuple[str, str]]) -> StatusUpdate:
        """Return what a status callback says; see CallbackReader.read_status."""
        fields = dict(form)
        error = fields.get("ErrorCode") or None
        return StatusUpdate(
            reference=reference,
            provider_id=fields.get("MessageSid") or fields.get("SmsSid", ""),
            status=fields.get("MessageStatus") or fields.get("SmsStatus", ""),
            error=error,
            raw=_kept(fields),
            action=action_for(error, synchronous=False) if error else None,
        )

    def read_inbound(self, form: Sequence[tuple[str, str]]) -> Inbound:
        """Return the message a person sent; see CallbackReader.read_inbound."""
        fields = dict(form)
        channel, from_handle = _channel_and_handle(fields.get("From", ""))
        return Inbound(
            provider_id=fields.get("MessageSid") or fields.get("SmsSid", ""),
            from_handle=from_handle,
            to_handle=_channel_and_handle(fields.get("To", ""))[1],
            text=fields.get("Body", ""),
            channel=channel,
            raw=_kept(fields),
        )


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


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in fields.items() if name not in _NOT_KEPT}


def _channel_and_handle(address: str) -> tuple[str, str]:
    prefix, colon, handle = address.partition(":")
    return (prefix, handle) if colon else ("sms", address)
