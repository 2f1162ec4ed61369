"""Many requests hand over the receipts they were told, and one thread commits for all of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError

from campaigns.core.database import single_statements
from campaigns.core.errors import UnavailableError
from campaigns.core.words import N_
from campaigns.delivery.receipts.merge import row_of, store_rows
from campaigns.gateways.callbacks import StatusUpdate

log = logging.getLogger(__name__)

#: Longest a request waits for its commit, in seconds; providers give up at 15.
PATIENCE_SECONDS = 10.0
#: Callbacks that may wait at once; the next one is sent away, so that its provider tries again later.
MOST_WAITING = 2_000
#: Callbacks that are written in one transaction.
LARGEST_GROUP = 500
#: How long a group waits for others, in seconds, when the last one had several: on a quick disk groups would be
#: small, and a transaction costs as much as writing twenty receipts.
GATHERING_SECONDS = 0.001
#: How long a connection is kept for a next group after one of several, in seconds.
IDLE_SECONDS = 0.05


class ReceiptIntake:
    """Commits receipts in groups: while one group is written, the next one gathers.

    A commit costs a disk flush whatever it holds, so a thousand callbacks at once cost a handful.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._patience_seconds = patience_seconds
        self._most_waiting = most_waiting
        self._waiting: SimpleQueue[_Waiting] = SimpleQueue()
        self._starting = Lock()
        self._writer: Thread | None = None
        self._is_busy = False

    def keep(self, updates: Sequence[StatusUpdate], *, gateway: str) -> None:
        """Return as soon as `updates` are on disk. Raises UnavailableError when they may not be."""
        ended = Lock()
        ended.acquire()
        kept: list[bool] = []

        def tell(is_kept: bool) -> None:
            kept.append(is_kept)
            ended.release()

        self.hand_over(updates, gateway=gateway, tell=tell)
        if not ended.acquire(timeout=self._patience_seconds):
            raise UnavailableError(N_("The delivery receipt could not be stored in time."))
        if not kept[0]:
            raise UnavailableError(N_("The delivery receipt could not be stored."))

    def hand_over(self, updates: Sequence[StatusUpdate], *, gateway: str, tell: Callable[[bool], object]) -> None:
        """Have `updates` written; `tell` is called in the writer's thread, with whether they are on disk.

        Raises UnavailableError when too many wait; then `tell` is not called.
        """
        if self._waiting.qsize() >= self._most_waiting:
            raise UnavailableError(N_("Too many delivery receipts are waiting to be stored."))
        self._waiting.put(_Waiting([row_of(update, gateway) for update in updates], tell))
        if self._writer is None or not self._writer.is_alive():
            self._start_writer()

    def _start_writer(self) -> None:
        # Here and not before: a server may fork after it has built the application.
        with self._starting:
            if self._writer is None or not self._writer.is_alive():
                self._writer = Thread(target=self._write_for_ever, name="receipt-intake", daemon=True)
                self._writer.start()

    def _write_for_ever(self) -> None:
        while True:
            group = self._next_group()
            try:
                self._write_or_split(group)
            except Exception:
                # Whatever it was, those who wait must hear of it and the next group must get its try.
                log.exception("%d callbacks could not be stored", sum(not waiting.is_kept for waiting in group))
                self._is_busy = False
            if not self._is_busy:
                self._disconnect()
            for waiting in group:
                waiting.tell(waiting.is_kept)

    def _write_or_split(self, group: list[_Waiting]) -> None:
        try:
            self._write(group)
        except DataError:
            # One of them is the cause, and must not cost the others their commit.
            for waiting in group:
                self._write_alone(waiting)

    def _write_alone(self, waiting: _Waiting) -> None:
        try:
            self._write([waiting])
        except DataError:
            log.exception("a callback could not be stored")

    def _next_group(self) -> list[_Waiting]:
        group = [self._wait_for_one()]
        if self._is_busy:
            time.sleep(GATHERING_SECONDS)
        try:
            while len(group) < LARGEST_GROUP:
                group.append(self._waiting.get_nowait())
        except Empty:
            pass
        self._is_busy = len(group) > 1
        return group

    def _wait_for_one(self) -> _Waiting:
        if self._connection is not None:
            try:
                return self._waiting.get(timeout=IDLE_SECONDS)
            except Empty:
                self._disconnect()
        return self._waiting.get()

    def _write(self, group: list[_Waiting]) -> None:
        if self._connection is None:
            self._connection = single_statements(self._engine).connect()
        with self._connection.begin():
            store_rows(self._connection, [row for waiting in group for row in waiting.rows])
        for waiting in group:
            waiting.is_kept = True

    def _disconnect(self) -> None:
        """Give the connection back: taking one out and testing it costs as much as writing a group."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class _Waiting:
    """A request that waits for its commit; a thousand of them are made a second."""

    __slots__ = ("is_kept", "rows", "tell")

    def __init__(self, rows: Sequence[Mapping[str, Any]], tell: Callable[[bool], object]) -> None:
        self.rows, self.tell = rows, tell
        self.is_kept = False
