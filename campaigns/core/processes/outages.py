"""Says in one sentence a minute that the database cannot be used, however many threads and looks find it so.

A worker asks its database some ten times a second. A traceback for each that fails fills the very disk that is
full, and hides what matters: why, since when, and that nothing is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from campaigns.core.errors import UnavailableError

#: A cause is told again after this number of seconds, if it lasts.
EVERY_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Cause(StrEnum):
    """Why a database cannot be used, in words for the log."""

    AWAY = "it does not answer"
    READ_ONLY = "it is read-only"
    FULL = "its disk is full"
    BUSY = "somebody else keeps it locked"
    OTHER_VERSION = "its tables are of another version of Fingerpost; run `fingerpost setup`"
    OTHER_ENCODING = "it cannot keep every text, because its encoding is not UTF8"


#: By PostgreSQL's code, or its class.
_BY_CODE = {
    "25006": Cause.READ_ONLY,
    "53100": Cause.FULL,
    "55P03": Cause.BUSY,
    "40P01": Cause.BUSY,
    "42P01": Cause.OTHER_VERSION,
    "42703": Cause.OTHER_VERSION,
    "22021": Cause.OTHER_ENCODING,
    "22P05": Cause.OTHER_ENCODING,
}
#: By what SQLite says, and psycopg of a server in the C locale.
_BY_WORDS = {
    "readonly database": Cause.READ_ONLY,
    "may only be read": Cause.READ_ONLY,
    "disk is full": Cause.FULL,
    "disk i/o error": Cause.FULL,
    "database is locked": Cause.BUSY,
    "no such table": Cause.OTHER_VERSION,
    "no such column": Cause.OTHER_VERSION,
    "cannot use a string pattern": Cause.OTHER_ENCODING,
}


def cause_of(error: BaseException) -> Cause | None:
    """Return why the database cannot be used, or None when the error says something else; pure."""
    original: Any = error.orig if isinstance(error, DBAPIError) else error
    known = _BY_CODE.get(getattr(original, "sqlstate", None) or "")
    if known is not None:
        return known
    words = str(original).lower()
    for said, cause in _BY_WORDS.items():
        if said in words:
            return cause
    is_away = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError | UnavailableError)
    return Cause.AWAY if is_away else None


def first_cause_of(error: BaseException) -> Cause | None:
    """Return why the database cannot be used when an error may be the consequence of another one.

    A full disk makes SQLite drop the transaction, and what is heard last is that a savepoint is missing.
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is not None and each not in seen:
            seen.append(each)
            waiting += [each.__cause__, each.__context__]
    known = [cause for cause in map(cause_of, seen) if cause is not None]
    return next((cause for cause in reversed(known) if cause is not Cause.AWAY), known[0] if known else None)


def sentence_about(error: DBAPIError, *, left: str = "") -> str:
    """Return a sentence for an operator on why the database did not do what it was asked.

    `left` is one on what it did before; else a refused transaction has changed nothing.
    """
    cause = first_cause_of(error)
    if cause is not None and cause is not Cause.AWAY:
        return f"The database cannot be used: {cause}. {left or 'Nothing was changed.'}"
    said = str(error.orig).strip().partition("\n")[0].rstrip(".")
    return f"The database {'does not answer' if cause else 'refused'}: {said}. {left}".rstrip()


@dataclass(slots=True)
class _Told:
    at: float
    #: How often it was found since.
    more: int = 0


class Outages:
    """The outages of one process."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._told: dict[str, _Told] = {}

    def tell(self, error: SQLAlchemyError | UnavailableError, doing: str) -> None:
        """Log that `doing` has to wait for the database; the same cause once a minute, with how often it was met.

        What is no outage is logged with its traceback, the same as often.
        """
        cause = cause_of(error)
        # A statement and its values differ from time to time, the driver's first line does not.
        key = str(cause or str(getattr(error, "orig", error)).partition("\n")[0])
        with self._lock:
            told, now = self._told.get(key), self._seconds()
            if told is not None and now - told.at < EVERY_SECONDS:
                told.more += 1
                return
            more = told.more if told is not None else 0
            self._told[key] = _Told(now)
            self._drop_old(now)
        again = f" ({more} more times within a minute)" if more else ""
        if cause is None:
            _log.error("%s: the database refused%s", doing, again, exc_info=error)
        else:
            words = "The database cannot be used: %s. Met first by: %s%s. It is asked again; nothing is lost."
            _log.error(words, cause, doing, again)

    def _drop_old(self, now: float) -> None:
        self._told = {key: told for key, told in self._told.items() if now - told.at < 2 * EVERY_SECONDS}


#: Those of this process: each thread tells of them here.
OUTAGES = Outages()
