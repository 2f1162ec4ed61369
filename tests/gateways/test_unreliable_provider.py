"""A provider that answers, stays silent and hangs up at random: each call ends, and is read at most once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
import uvloop

from campaigns.core.errors import RefusedError
from campaigns.gateways.base import NotSentError, UnknownOutcomeError
from campaigns.gateways.transport.http import ProviderHttp, current_fence
from tests.gateways.canned import close_server, http

CALLS = 600
CALLERS = 24
CONNECTIONS = 16
TOTAL_SECONDS = 0.15
ANSWER = http("200 OK\r\nContent-Type: application/json", "{}")
FAREWELL = http("200 OK\r\nContent-Type: application/json\r\nConnection: close", "{}")
#: What the provider does with a request that it has read, and how often.
WAYS = {
    "answers": 60,
    "says goodbye": 8,
    "answers and hangs up": 8,
    "hangs up": 8,
    "breaks off": 4,
    "is slow": 6,
    "resets": 6,
}


class Unreliable:
    """The provider; counts how often it read the request of each call."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.read: Counter[bytes] = Counter()
        self.answered: set[bytes] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer_one(reader, writer):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Say whether the connection stays."""
        head = await reader.readuntil(b"\r\n\r\n")
        call = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
        self.read[call] += 1
        (way,) = self._chance.choices(list(WAYS), list(WAYS.values()))
        if way == "is slow":
            await asyncio.sleep(self._chance.uniform(0.5, 1.5) * TOTAL_SECONDS)
        if way == "resets":
            writer.transport.abort()
        if way in ("hangs up", "resets"):
            return False
        writer.write({"breaks off": ANSWER[:-1], "says goodbye": FAREWELL}.get(way, ANSWER))
        await writer.drain()
        if way != "breaks off":
            self.answered.add(call)
        return way in ("answers", "is slow")


async def call_all(chance: random.Random) -> tuple[Unreliable, dict[bytes, str]]:
    """Make all calls, some refused by their fence and some cancelled; return the provider and how each ended."""
    provider, ends = Unreliable(chance), dict[bytes, str]()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    url = "http://{}:{}".format(*server.sockets[0].getsockname())
    opened = ProviderHttp(connections=CONNECTIONS, total_seconds=TOTAL_SECONDS)
    calls = iter(range(CALLS))

    def fence() -> None:
        if chance.random() < 0.05:
            raise RefusedError

    async def caller() -> None:
        current_fence.set(fence)
        for number in calls:
            call = str(number).encode()
            patience = 0.01 if chance.random() < 0.05 else 20 * TOTAL_SECONDS
            try:
                await asyncio.wait_for(opened.request("POST", url, body=call), patience)
                ends[call] = "answered"
            except (NotSentError, RefusedError):
                ends[call] = "not sent"
            except UnknownOutcomeError:
                ends[call] = "unknown"
            except TimeoutError:
                ends[call] = "unknown" if patience < TOTAL_SECONDS else "never"

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    await opened.close()
    await close_server(server)
    return provider, ends


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("seed", range(3))
def test_each_call_ends_and_is_read_at_most_once(
    make_loop: Callable[[], asyncio.AbstractEventLoop], seed: int
) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        provider, ends = runner.run(call_all(random.Random(seed)))
    assert len(ends) == CALLS
    assert max(provider.read.values()) == 1
    assert set(ends.values()) == {"answered", "not sent", "unknown"}
    assert min(Counter(ends.values()).values()) > 10
    assert not [call for call, end in ends.items() if end == "not sent" and provider.read[call]]
    assert not [call for call, end in ends.items() if end == "answered" and call not in provider.answered]
