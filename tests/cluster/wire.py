"""A wire between two processes that can be cut: it passes bytes on in a process of its own, which may be stopped.

Arguments: where to listen and where to lead, each `host:port` or the path of a socket.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wire:
    """Leads from one address to another until it is left; `inside` is the command of a network namespace."""

    def __init__(self, listen: str, target: str, *, inside: Sequence[str] = ()) -> None:
        command = [*inside, sys.executable, "-m", "tests.cluster.wire", listen, target]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        #: Where it listens; a port 0 has become a real one.
        self.address = self._process.stdout.readline().strip()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def cut(self) -> None:
        """Pass nothing on and answer nobody; both ends only notice that nothing comes."""
        self._process.send_signal(signal.SIGSTOP)

    def mend(self) -> None:
        self._process.send_signal(signal.SIGCONT)


async def lead(listen: str, target: str) -> None:
    """Listen at one address and connect whoever comes with the other one."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there = await connect(target)
            await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))
        writer.close()

    if "/" in listen:
        server: asyncio.AbstractServer = await asyncio.start_unix_server(serve, listen)
        tell(listen)
    else:
        host, _, port = listen.rpartition(":")
        server = listening = await asyncio.start_server(serve, host, int(port))
        tell("{}:{}".format(*listening.sockets[0].getsockname()))
    async with server:
        await asyncio.Event().wait()


def tell(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


async def connect(target: str) -> Streams:
    if "/" in target:
        return await asyncio.open_unix_connection(target)
    host, _, port = target.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(lead(*sys.argv[1:]))
