"""A process that cannot do its part any more ends, and what fails in it costs nobody else."""

from __future__ import annotations

import asyncio
import socket

import pytest

from campaigns.front.connection import Connection
from campaigns.front.house import House
from campaigns.front.mailbox import Mailbox
from tests.front.serving import echo


def test_process_that_takes_nobody_in_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def serve() -> bool:
        place = socket.create_server(("127.0.0.1", 0))
        house, stopping = House(echo), asyncio.Event()
        await house.open(place, Connection)
        # What the loop does when listening fails.
        asyncio.get_running_loop().call_later(0.1, house._server.close)  # type: ignore[union-attr]
        async with asyncio.timeout(5):
            await house.look_after(stopping)
        await house.close(1)
        return stopping.is_set()

    assert asyncio.run(serve())
    assert "takes nobody in any more" in caplog.text


def test_call_that_fails_keeps_no_other_waiting(caplog: pytest.LogCaptureFixture) -> None:
    async def call() -> list[int]:
        mailbox, heard = Mailbox(asyncio.get_running_loop()), list[int]()
        mailbox.post(heard.append, 1)
        mailbox.post(int, "none")
        mailbox.post(heard.append, 2)
        await asyncio.sleep(0.05)
        return heard

    assert asyncio.run(call()) == [1, 2]
    assert "a call on the loop failed" in caplog.text
