"""The intake of receipts: many requests hand over what they were told, one thread commits it for all of them."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from threading import Condition, Thread

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.errors import UnavailableError
from campaigns.core.words import N_
from campaigns.delivery.receipts import store
from campaigns.gateways.callbacks import StatusUpdate

log = logging.getLogger(__name__)

#: Longest a request waits for its commit, in seconds; providers give up at 15.
PATIENCE_SECONDS = 10.0


class ReceiptIntake:
    """Commits the receipts of one gateway in groups: while one group is written, the next one gathers.

    A commit costs a disk flush whatever it holds, so a thousand callbacks at once cost a handful.
    """

    def __init__(
        self, sessions: sessionmaker[Session], *, gateway: str, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._sessions = sessions
        self._gateway = gateway
        self._patience_seconds = patience_seconds
        self._arrived = Condition()
        self._waiting: list[tuple[StatusUpdate, Future[None]]] = []
        self._writer: Thread | None = None

    def keep(self, update: StatusUpdate) -> None:
        """Return as soon as `update` is on disk. Raises UnavailableError when it may not be."""
        kept: Future[None] = Future()
        with self._arrived:
            self._waiting.append((update, kept))
            # Started here and not before: a server may fork after it has built the application.
            if self._writer is None or not self._writer.is_alive():
                self._writer = Thread(target=self._write_for_ever, name="receipt-intake", daemon=True)
                self._writer.start()
            self._arrived.notify()
        try:
            kept.result(self._patience_seconds)
        except TooLate:
            raise UnavailableError(N_("The receipt could not be stored in time.")) from None

    def _write_for_ever(self) -> None:
        while True:
            with self._arrived:
                while not self._waiting:
                    self._arrived.wait()
                group, self._waiting = self._waiting, []
            self._write([update for update, _ in group], [kept for _, kept in group])

    def _write(self, updates: list[StatusUpdate], waiting: list[Future[None]]) -> None:
        try:
            with self._sessions.begin() as session:
                store(session, updates, gateway=self._gateway)
        except Exception:
            # Whatever it was, those who wait must hear of it and the next group must get its try.
            log.exception("%d receipts could not be stored", len(updates))
            for kept in waiting:
                kept.set_exception(UnavailableError(N_("The receipt could not be stored.")))
        else:
            for kept in waiting:
                kept.set_result(None)
