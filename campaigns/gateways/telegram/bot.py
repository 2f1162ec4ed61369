"""One Telegram bot speaks over the `aiogram` library, on connections of our own."""

from __future__ import annotations

from typing import TypeVar

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import ClientDecodeError, TelegramAPIError, TelegramRetryAfter
from aiogram.methods import Response, TelegramMethod
from aiogram.types import LinkPreviewOptions

from campaigns.core.errors import NotFoundError, TooLargeError, UnavailableError
from campaigns.core.words import N_
from campaigns.gateways.base import (
    Accepted,
    Fence,
    Outgoing,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)
from campaigns.gateways.callbacks import hook_secret
from campaigns.gateways.telegram.callbacks import UPDATES, TelegramUpdates
from campaigns.gateways.telegram.telegram_refusals import refusal_of
from campaigns.gateways.transport.download import download
from campaigns.gateways.transport.http import (
    CONNECT_SECONDS,
    TOTAL_SECONDS,
    ProviderHttp,
    check_reply,
    current_fence,
    form_body,
)
from campaigns.gateways.transport.provider_call import RawReply
from campaigns.gateways.unlisted import Unlisted

T = TypeVar("T")

#: The code of a request that cannot be met (telegram_refusals.py).
_BAD_REQUEST = "telegram_bad_request"
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class PooledSession(AiohttpSession):
    """The library's session over our connections: no redirects, no retries, and every failure a SendError.

    The library's own follows redirects, which may repeat a POST, and tells a request that never left from a lost
    reply only by words.
    """

    def __init__(self, http: ProviderHttp, api: TelegramAPIServer) -> None:
        super().__init__(api=api)
        self._http = http

    async def make_request(self, bot: Bot, method: TelegramMethod[T], timeout: int | None = None) -> T:
        """Return the result of one method; `timeout` is ignored: the connections have theirs.

        Raises NotSentError, ThrottledError, RejectedError or UnknownOutcomeError.
        """
        url = self.api.api_url(token=bot.token, method=method.__api_method__)
        raw = await self._http.request("POST", url, body=self._form_of(bot, method))
        answer: Response[T] = self._read(bot, method, raw)
        if answer.result is None:
            raise UnknownOutcomeError("broken_reply")
        return answer.result

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _form_of(self, bot: Bot, method: TelegramMethod[T]) -> bytes:
        """Return a method's fields as a form; none of ours has a file."""
        values = {
            name: self.prepare_value(value, bot=bot, files={})
            for name, value in method.model_dump(warnings=False).items()
        }
        return form_body({name: value for name, value in values.items() if value})

    def _read(self, bot: Bot, method: TelegramMethod[T], raw: RawReply) -> Response[T]:
        if raw.status != 429:
            check_reply(raw)
        try:
            return self.check_response(bot, method, raw.status, raw.text)
        except ClientDecodeError as error:
            check_reply(raw)
            raise UnknownOutcomeError("broken_reply") from error
        except TelegramAPIError as error:
            raise _failure_of(raw.status, error) from error


class TelegramBot(Unlisted):
    """The gateway to one bot; Telegram sends no receipts, so an acceptance is the last we hear of a message."""

    name = TelegramUpdates.name

    def __init__(
        self,
        bot_id: str,
        token: str,
        *,
        base_url: str = "",
        connections: int = 64,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        http = ProviderHttp(connections=connections, connect_seconds=connect_seconds, total_seconds=total_seconds)
        api = TelegramAPIServer.from_base(base_url) if base_url else PRODUCTION
        self._bot = Bot(f"{bot_id}:{token}", session=PooledSession(http, api))
        self._secret = hook_secret(token)

    async def send(self, outgoing: Outgoing, fence: Fence | None = None) -> Accepted:
        """Send one message to a chat; see Gateway.send."""
        current_fence.set(fence)
        message = await self._bot.send_message(outgoing.to, outgoing.body, link_preview_options=_NO_PREVIEW)
        # Unique already, as a bot numbers what it sends in private chats in one row. The chat id is left out
        # because it is a handle, and no handle may stand in clear beside a delivery.
        return Accepted(provider_id=f"{self._bot.id}:{message.message_id}"[:64], status="sent")

    async def connect(self, public_url: str) -> bool:
        """Set the webhook unless it is set already; see Connectable.connect."""
        url = f"{public_url.rstrip('/')}/hooks/{self.name}/{self._secret}"
        current_fence.set(None)
        try:
            info = await self._bot.get_webhook_info()
            # The secret itself is not told back, but it is in the address too.
            if info.url == url and set(info.allowed_updates or ()) == set(UPDATES):
                return False
            return await self._bot.set_webhook(
                url, secret_token=self._secret, allowed_updates=list(UPDATES), drop_pending_updates=False
            )
        except SendError as error:
            raise _unavailable(error) from error

    async def ask_account(self) -> str:
        """Return the bot's user name; see Answering.ask_account."""
        current_fence.set(None)
        return f"@{(await self._bot.get_me()).username or self._bot.id}"

    async def fetch_media(self, source: str, *, most_bytes: int) -> bytes:
        """Return a file that somebody sent; see MediaSource.fetch_media."""
        current_fence.set(None)
        try:
            path = (await self._bot.get_file(source)).file_path
        except SendError as error:
            if not isinstance(error, RejectedError) or error.code != _BAD_REQUEST:
                raise _unavailable(error) from error
            # The file is larger than bots may fetch, or unknown.
            raise TooLargeError if "too big" in str(error.__cause__) else NotFoundError from error
        api: TelegramAPIServer = self._bot.session.api
        return await download(api.file_url(self._bot.token, path or ""), most_bytes=most_bytes)

    async def delete_media(self, source: str) -> None:
        """Do nothing: a bot can delete no file, and the message is in the person's own chat."""

    async def close(self) -> None:
        """Release connections."""
        await self._bot.session.close()


def _failure_of(status: int, error: TelegramAPIError) -> SendError:
    """Say what an answer that is no success means; only 4xx is a refusal, and it says why."""
    if status == 429:
        seconds = float(error.retry_after) if isinstance(error, TelegramRetryAfter) else None
        return ThrottledError("429", retry_after_seconds=seconds)
    if status < 400 or not error.message:
        return UnknownOutcomeError("broken_reply")
    return refusal_of(error)


def _unavailable(error: SendError) -> UnavailableError:
    return UnavailableError(N_("Telegram did not take our settings (%(code)s)."), code=error.code)
