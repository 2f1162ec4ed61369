"""A provider that answers every request with the same bytes, whatever they are, and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ssl import SSLContext
from threading import Thread

#: Instead of an answer: none at all while the server runs.
SILENCE = None


def http(head: str, body: str = "", *, promised: int | None = None) -> bytes:
    """Return a reply of status and headers `head`; `promised` is a Content-Length that is not kept."""
    length = len(body.encode()) if promised is None else promised
    return f"HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n{body}".encode()


class CannedServer:
    """Answers so many requests of each connection, reads one more if it answers several, and closes."""

    def __init__(self, answer: bytes | None, *, each: int = 1, tls: SSLContext | None = None) -> None:
        self.answer = answer
        self.each = each
        self.connections = 0
        self.closed = 0
        self.requests = 0
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls))
        address = f"127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        self.url = f"https://{address}" if tls else f"http://{address}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError):
            for left in range(self.each, -1, -1):
                await _read_request(reader)
                self.requests += 1
                if self.answer is SILENCE:
                    await reader.read()
                if self.answer is SILENCE or not left:
                    break
                writer.write(self.answer)
                await writer.drain()
                if self.each == 1:
                    break
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.closed += 1

    async def stop(self) -> None:
        """Let answers on their way end, and wait until every connection is closed."""
        await close_server(self.server)


async def close_server(server: asyncio.Server) -> None:
    """Close a server of the running loop and wait for all other tasks, two seconds each at most.

    Python 3.11 forgets a connection whose server closes while it is being accepted, so that may end first.
    """
    await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    server.close()
    while calls := asyncio.all_tasks() - {asyncio.current_task()}:
        ended, _ = await asyncio.wait(calls, timeout=2)
        if not ended:
            break


async def _read_request(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        await reader.readuntil(b"\r\n0\r\n\r\n")
        return
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length or 0))


@contextmanager
def answering(answer: bytes | None, *, each: int = 1, tls: SSLContext | None = None) -> Iterator[CannedServer]:
    """Run a server that gives one answer to all; SILENCE leaves callers waiting."""
    server = CannedServer(answer, each=each, tls=tls)
    thread = Thread(target=server.loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), server.loop).result()
        server.loop.call_soon_threadsafe(server.loop.stop)
        thread.join()
        server.loop.close()
