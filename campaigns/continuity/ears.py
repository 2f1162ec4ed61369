"""Processes that answer providers say that opt-outs can arrive; a worker that hears none of them sends nothing.

A stop that cannot reach us is worse than a message that comes later. Whoever answers providers' callbacks raises a
number every few seconds, in one of the very threads that take a stop in, and in the database that keeps it. The
worker compares numbers, by a clock that nobody sets: times of other machines need not agree with its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from campaigns.continuity.models import ONLY, HookBeat
from campaigns.core import clock

#: Seconds between two signs that a process which answers providers gives.
BEAT_SECONDS = 3.0

_log = logging.getLogger(__name__)


def give_sign(engine: Engine) -> None:
    """Say, on disk, that this process could keep a stop now. Raises SQLAlchemyError when it could not."""
    raised = update(HookBeat).where(HookBeat.id == ONLY).values(number=HookBeat.number + 1, seen_at=clock.now())
    with engine.begin() as connection:
        if connection.execute(raised).rowcount:
            return
    try:
        with engine.begin() as connection:
            connection.execute(insert(HookBeat).values(id=ONLY, number=1, seen_at=clock.now()))
    except IntegrityError:
        # Another process was quicker, and has said it.
        return


def find_last_sign(session: Session) -> datetime | None:
    """Return when a process that answers providers last said so, by its own clock; None: none ever did."""
    return session.scalar(select(HookBeat.seen_at))


class Ears:
    """What one worker knows of whether opt-outs arrive."""

    def __init__(
        self, gone_after: float, *, is_needed: bool = True, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare to listen; nobody is missed for `gone_after` seconds, 0 for ever.

        Unless it `is_needed`, a database on which no process ever answered providers is one without them: a bench,
        or a demo before its console is up.
        """
        self._gone_after, self._is_needed, self._seconds = gone_after, is_needed, seconds
        self._began_at = seconds()
        self._number: int | None = None
        self._moved_at: float | None = None
        self._is_deaf = False

    def hear(self, connection: Connection) -> bool:
        """Look whether a process answers providers; say whether opt-outs arrive."""
        if not self._gone_after:
            return True
        number, now = connection.scalar(select(HookBeat.number)), self._seconds()
        if number is None and not self._is_needed:
            return True
        if self._number is not None and number != self._number:
            self._moved_at = now
        # The first look proves nothing: the number may be of last year.
        self._number = number if number is not None else -1
        hears = self._moved_at is not None and now - self._moved_at <= self._gone_after
        self._tell(hears, now)
        return hears

    def _tell(self, hears: bool, now: float) -> None:
        since = self._began_at if self._moved_at is None else self._moved_at
        if hears and self._is_deaf:
            _log.warning("opt-outs arrive again: sending goes on")
            self._is_deaf = False
        elif not hears and not self._is_deaf and now - since > self._gone_after:
            _log.error(
                "opt-outs cannot arrive: no process that answers providers gave a sign of life for %.0f seconds; "
                "nothing is sent until one does",
                now - since,
            )
            self._is_deaf = True
