"""How many messages one sandbox process takes in a second, asked by aiohttp clients in processes of their own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import platform
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import aiohttp
import click
import uvloop

from bench.harness import note, show, summary
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess

#: Connections open at once, all clients together.
WINDOW = 32
PATH = f"/2010-04-01/Accounts/{DEFAULTS.account_sid}/Messages.json"
TEXT = "Тримайте паспорт при собі."
#: Creates a second that the sandbox must take with callbacks off.
WANTED = 1_500


async def create_all(url: str, first: int, count: int, window: int) -> None:
    """Create `count` messages to as many people, without callbacks; fail on any answer but 201."""
    numbers: Iterator[int] = iter(range(first, first + count))
    auth = aiohttp.encode_basic_auth(DEFAULTS.account_sid, DEFAULTS.auth_token)
    connector = aiohttp.TCPConnector(limit=window)
    async with aiohttp.ClientSession(url, connector=connector, headers={"Authorization": auth}) as session:

        async def caller() -> None:
            for number in numbers:
                form = {"To": f"+38067{number:07}", "From": SENDER, "Body": TEXT}
                async with session.post(PATH, data=form) as answer:
                    body = await answer.json()
                    if answer.status != 201:
                        raise RuntimeError(f"The sandbox refused: {body}")

        await asyncio.gather(*(caller() for _ in range(window)))


def client(url: str, first: int, count: int, window: int) -> float:
    """Run one client and return its seconds."""
    began = time.perf_counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(create_all(url, first, count, window))
    return time.perf_counter() - began


def measure(messages: int, *, rounds: int, clients: int) -> dict[str, Any]:
    """Return the creates per second of each round, and what they were measured with."""
    share, rates = messages // clients, []
    spawn = multiprocessing.get_context("spawn")
    with SandboxProcess() as sandbox, ProcessPoolExecutor(clients, mp_context=spawn) as pool:
        for number in range(rounds + 1):
            sandbox.call("POST", "reset", {})
            began = time.perf_counter()
            work = [
                pool.submit(client, sandbox.url, place * share, share, WINDOW // clients)
                for place in range(clients)
            ]
            for one in work:
                one.result()
            rate = share * clients / (time.perf_counter() - began)
            assert sandbox.settle()["by_status"] == {"delivered": share * clients}
            # The first round starts the clients and warms both sides.
            if number:
                rates.append(rate)
                note(f"round {number}: {rate:.0f} creates a second")
    return {
        "messages": share * clients,
        "rounds": rounds,
        "clients": clients,
        "connections": WINDOW,
        "with": f"aiohttp {aiohttp.__version__} and uvloop on both sides, Python {platform.python_version()}, "
        f"{os.cpu_count()} processors shared by sandbox and clients",
        "callbacks": "off",
        "wanted_per_second": WANTED,
        "per_second": summary(rates),
    }


@click.command()
@click.option("--messages", default=20_000, show_default=True, help="messages of one round")
@click.option("--rounds", default=3, show_default=True)
@click.option("--clients", default=1, show_default=True, help="client processes")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(messages: int, rounds: int, clients: int, as_json: bool) -> None:
    """Measure the creates per second of one sandbox process with callbacks off."""
    figures = measure(messages, rounds=rounds, clients=clients)
    show(figures, as_json=as_json)


if __name__ == "__main__":
    main()
