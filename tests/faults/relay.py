"""A TCP relay before the sandbox that can be away: then connections are refused, and open ones end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from campaigns.demo.processes import free_port

PATIENCE = 10.0


class Relay:
    """Hands what comes to `url` on to `port` while it is open; it starts closed."""

    def __init__(self, port: int) -> None:
        self._to, self._at = port, free_port(0)
        self.url = f"http://127.0.0.1:{self._at}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.turn(is_open=False)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def turn(self, *, is_open: bool) -> None:
        """Let connections in, or refuse them and end those that are open."""
        if is_open != (self._server is not None):
            self._do(self._start() if is_open else self._stop())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._at)

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()
        while self._open:
            await asyncio.sleep(0.01)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Known at once, so that whoever goes away meanwhile does not leave it open.
        self._open.add(writer)
        ends = {writer}
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            self._open.add(back)
            ends.add(back)
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            writer.close()
            self._open -= ends


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
