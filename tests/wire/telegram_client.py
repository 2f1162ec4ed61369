"""An unmodified aiogram bot pointed at a sandbox process."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TypeVar

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer

from tests.sandbox.process import DEFAULTS

T = TypeVar("T")
TOKEN = DEFAULTS.telegram_token


class TelegramClient:
    """One event loop and one session for many bots; all that is changed is the address they call."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._session = AiohttpSession(api=TelegramAPIServer.from_base(url), timeout=5)

    def __enter__(self) -> "TelegramClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self._session.close())
        self._runner.close()

    def run(self, work: Callable[[Bot], Awaitable[T]], *, token: str = TOKEN) -> T:
        """Run `work` with a bot to its end."""

        async def do() -> T:
            return await work(Bot(token, session=self._session))

        return self._runner.run(do())
