"""Messages go over one Twilio account by the official client, whatever the channel."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from twilio.base.exceptions import TwilioException

from campaigns.core.errors import UnavailableError
from campaigns.core.words import N_
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
from campaigns.gateways.callbacks import Inbound, InboundMedia
from campaigns.gateways.connecting import Balance, Charge, KeptInbound
from campaigns.gateways.transport.download import delete, download
from campaigns.gateways.transport.http import CONNECT_SECONDS, TOTAL_SECONDS, current_fence, object_in
from campaigns.gateways.twilio.callbacks import TwilioCallbacks, media_of, words_in
from campaigns.gateways.twilio.charges import balance_in, charge_of
from campaigns.gateways.twilio.error_codes import action_for
from campaigns.gateways.twilio.twilio_client import TwilioAccount

PAGE_SIZE = 1000
#: Shape of a Messaging Service id, which takes another field than a number or name.
MESSAGING_SERVICE = re.compile(r"MG[0-9a-f]{32}")
#: Bounds of ValidityPeriod in seconds.
SHORTEST_VALIDITY, LONGEST_VALIDITY = 60, 36_000
#: Behind an address of ours: without it Twilio calls once more, and only when it could not connect; never after
#: the 503 of a database that restarts. The fragment is neither signed nor sent.
CALL_AGAIN = "#rc=5&rp=all"
#: How Twilio names the direction of what people wrote to us.
INBOUND = "inbound"


class TwilioMessages:
    """The gateway to one Twilio account on one channel; a subclass says how the channel writes addresses."""

    name = TwilioCallbacks.name
    keeps_list = True
    #: What stands before a handle on the wire.
    prefix = ""

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
        self.account = account
        self._login = (account, token)
        self._account = TwilioAccount(
            account,
            token,
            base_url=base_url,
            connections=connections,
            connect_seconds=connect_seconds,
            total_seconds=total_seconds,
        )
        self._messages = self._account.client.messages
        self._creating = f"{self._account.client.api.base_url}/2010-04-01/Accounts/{account}/Messages.json"

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        """Create one message at Twilio; see Gateway.send.

        The client makes the request, and its `messages.create_async` is passed by: a fifth of the time of a call
        goes into a whole resource, dates included, of which two words are wanted.
        """
        current_fence.set(fence)
        reply = await self._account.client.request_async("POST", self._creating, data=self._form_of(outgoing))
        message = object_in(reply.text)
        if not reply.ok:
            raise _failure_of(reply.status_code, message.get("code", reply.status_code))
        sid = message.get("sid")
        if not isinstance(sid, str) or not sid:
            raise UnknownOutcomeError("no_provider_id")
        return Accepted(provider_id=sid, status=str(message.get("status")))

    async def list_to(self, to: str, since: datetime) -> list[ProviderMessage]:
        """Return the messages to one handle; see Gateway.list_to."""
        return [message async for page in self._pages(since, to=self.prefix + to) for message in page]

    def list_since(self, since: datetime) -> AsyncIterator[list[ProviderMessage]]:
        """Give the account's messages on this channel page by page; see Gateway.list_since."""
        return self._pages(since)

    async def list_inbound(self, receiver: str, since: datetime, until: datetime) -> list[KeptInbound]:
        """Return what people wrote to one of the account's numbers or services; see InboundList.list_inbound.

        Here DateSent may be a filter: what came in has been sent.
        """
        is_service = MESSAGING_SERVICE.fullmatch(receiver) is not None
        filters: dict[str, Any] = {} if is_service else {"to": self.prefix + receiver}
        bounds = {"date_sent_after": since.replace(microsecond=0), "date_sent_before": until}
        kept: list[KeptInbound] = []
        with _telling_of_the_list():
            page = await self._messages.page_async(page_size=PAGE_SIZE, **bounds, **filters)
            while page is not None:
                for message in page:
                    is_theirs = not is_service or message.messaging_service_sid == receiver
                    if message.direction == INBOUND and is_theirs:
                        kept.append(self._kept(message, receiver, await self._list_media(message)))
                page = await page.next_page_async()
        return kept[::-1]

    async def fetch_media(self, source: str, *, most_bytes: int) -> bytes:
        """Return a file that somebody sent; see MediaSource.fetch_media."""
        return await download(self._media_url(source), most_bytes=most_bytes, login=self._login)

    async def delete_media(self, source: str) -> None:
        """Delete a file, which Twilio keeps until then; see MediaSource.delete_media."""
        await delete(f"{self._media_url(source)}.json", login=self._login)

    def _media_url(self, source: str) -> str:
        message, _, file = source.partition("/")
        origin = self._account.client.api.base_url
        return f"{origin}/2010-04-01/Accounts/{self.account}/Messages/{message}/Media/{file}"

    async def ask_account(self) -> str:
        """Return the name of the account; see Answering.ask_account. One that is not active sends nothing."""
        found = await self._ask("")
        if found.get("status") != "active":
            raise RejectedError(f"account_{found.get('status')}"[:40], Action.PAUSE_RUN)
        return str(found.get("friendly_name") or self.account)

    async def ask_balance(self) -> Balance:
        """Return what is left on the account; see Charging.ask_balance."""
        found = await self._ask("Balance.json")
        return balance_in(found)

    def list_charges(self, since: datetime, until: datetime) -> AsyncIterator[list[Charge]]:
        """Give what messages of some days cost; see Charging.list_charges."""
        return self._charges(since, until)

    async def close(self) -> None:
        """Release connections."""
        await self._account.close()

    async def _ask(self, part: str) -> dict[str, Any]:
        """Read a part of the account, "" for itself. Raises SendError."""
        current_fence.set(None)
        url = f"{self._account.client.api.base_url}/2010-04-01/Accounts/{self.account}"
        reply = await self._account.client.request_async("GET", f"{url}/{part}" if part else f"{url}.json")
        found = object_in(reply.text)
        if not reply.ok:
            raise _failure_of(reply.status_code, found.get("code", reply.status_code))
        return found

    async def _charges(self, since: datetime, until: datetime) -> AsyncIterator[list[Charge]]:
        # Twilio's bounds are themselves within them.
        bounds = {"date_sent_after": since, "date_sent_before": until - timedelta(seconds=1)}
        with _telling_of_the_list():
            page = await self._messages.page_async(page_size=PAGE_SIZE, **bounds)
            while page is not None:
                yield [charge_of(message, is_inbound=message.direction == INBOUND) for message in page]
                page = await page.next_page_async()

    async def _pages(self, since: datetime, **filters: str) -> AsyncIterator[list[ProviderMessage]]:
        # DateSent is no filter for us: it is empty while a message waits in Twilio's queue, and exactly those
        # must be seen. The list is newest first, so reading stops at the first older message.
        earliest = since.replace(microsecond=0)
        with _telling_of_the_list():
            page = await self._messages.page_async(page_size=PAGE_SIZE, **filters)
            while page is not None:
                found = list(page)
                fresh = [message for message in found if message.date_created >= earliest]
                yield [self._listed(message) for message in fresh if self._is_ours(message)]
                page = await page.next_page_async() if len(fresh) == len(found) else None

    def _form_of(self, outgoing: Outgoing) -> dict[str, str]:
        """Return the fields of the request that creates a message, by Twilio's names."""
        validity = min(max(outgoing.valid_for_seconds, SHORTEST_VALIDITY), LONGEST_VALIDITY)
        form = {
            "To": self.prefix + outgoing.to,
            "ValidityPeriod": str(validity),
            **self._content_of(outgoing),
        }
        if outgoing.callback_url is not None:
            form["StatusCallback"] = outgoing.callback_url + CALL_AGAIN
        if MESSAGING_SERVICE.fullmatch(outgoing.sender):
            form["MessagingServiceSid"] = outgoing.sender
        else:
            form["From"] = self.prefix + outgoing.sender
        return form

    def _content_of(self, outgoing: Outgoing) -> dict[str, str]:
        """Return the fields that say what the person reads."""
        return {"Body": outgoing.body}

    def _is_ours(self, message: Any) -> bool:
        """Say whether a listed message went out on this channel: another channel's has a prefix of its own."""
        if message.direction == INBOUND:
            return False
        return message.to.startswith(self.prefix) if self.prefix else ":" not in message.to

    async def _list_media(self, message: Any) -> tuple[InboundMedia, ...]:
        """Return the files of a listed message; the list tells only how many there are."""
        if str(message.num_media or "0") == "0":
            return ()
        return tuple(media_of(one.uri or "", one.content_type or "") for one in await message.media.list_async())

    def _kept(self, message: Any, receiver: str, media: tuple[InboundMedia, ...]) -> KeptInbound:
        # A service has senders of several channels: whoever wrote is answered where they wrote.
        channel, _, from_handle = (message.from_ or "").rpartition(":")
        inbound = Inbound(
            provider_id=str(message.sid),
            from_handle=from_handle,
            to_handle=receiver,
            text=words_in(message.body or "", channel or "sms"),
            channel=channel or "sms",
            media=media,
        )
        return KeptInbound(inbound, (message.date_sent or message.date_created).astimezone(UTC))

    def _listed(self, message: Any) -> ProviderMessage:
        return ProviderMessage(
            provider_id=str(message.sid),
            to=str(message.to).removeprefix(self.prefix),
            sender=message.messaging_service_sid or (message.from_ or "").removeprefix(self.prefix),
            body=message.body or "",
            status=str(message.status),
            error=str(message.error_code) if message.error_code else None,
            created_at=message.date_created.astimezone(UTC),
            is_automatic=message.direction == "outbound-reply",
        )


@contextmanager
def _telling_of_the_list() -> Iterator[None]:
    """Ask for the list without a fence, and raise UnavailableError for whatever keeps it from being read."""
    current_fence.set(None)
    try:
        yield
    except (SendError, TwilioException, ValueError, TypeError, AttributeError) as error:
        raise UnavailableError(N_("Twilio's list of messages cannot be read.")) from error


def _failure_of(status: int, code: object) -> SendError:
    """Classify a refusal once: 4xx created nothing, anything else may have."""
    word = str(code)[:40]
    action = action_for(word, synchronous=True)
    if not 400 <= status < 500 or action is Action.RECONCILE:
        return UnknownOutcomeError(word)
    return RejectedError(word, action)
