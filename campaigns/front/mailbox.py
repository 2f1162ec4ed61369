"""Threads hand calls over to the event loop, which is woken once for all that are waiting."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)


class Mailbox:
    """Calls of other threads, made on the loop in their order.

    Waking the loop costs a system call; a group of five hundred receipts that were written together needs one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._is_woken = False

    def post(self, call: Callable[..., object], *arguments: Any) -> None:
        """Let the loop call this soon; from any thread."""
        self._calls.append((call, arguments))
        if not self._is_woken:
            self._is_woken = True
            try:
                self._loop.call_soon_threadsafe(self._empty)
            except RuntimeError:
                # The loop is closed: this process ends, and nobody waits for an answer any more.
                self._calls.clear()

    def _empty(self) -> None:
        # Before the calls are taken: what is posted from here on wakes the loop again.
        self._is_woken = False
        while self._calls:
            call, arguments = self._calls.popleft()
            try:
                call(*arguments)
            except Exception:
                # Those that wait behind it are of others.
                _log.exception("a call on the loop failed")
