"""Blocking work runs in threads, so that an event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Runner(Protocol):
    """Runs a blocking function elsewhere (a thread) and gives its result to the loop."""

    def __call__(self, function: Callable[..., T], *arguments: Any) -> Awaitable[T]: ...


def in_thread(executor: Executor) -> Runner:
    """Return a runner that works in `executor`."""

    def run(function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(executor, partial(function, *arguments))

    return run
