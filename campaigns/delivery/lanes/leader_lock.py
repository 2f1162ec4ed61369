"""Of several workers of one SQLite file one holds the leader lock: it serves the lanes and shows that it lives.

It is the kernel's lock on a file beside the database. It goes with its holder, however that ends: the next worker
takes over at its next look, and never before the last call of the one before. So the pace, the breaker and
the daily limit of a sender need no memory that workers share. The holder touches the file at each look, which is
its sign of life.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from campaigns.core.errors import SettingsError
from campaigns.core.words import N_

#: Appended to the database's path, as SQLite does with `-wal` and `-shm`; the file stays empty.
#: Called as in earlier versions: two workers that looked at two files would both serve the lanes.
SUFFIX = "-baton"

_log = logging.getLogger(__name__)


class LeaderLock:
    """One worker's hold on the lanes of a SQLite file."""

    def __init__(self, database: str | None) -> None:
        """Prepare for the database at a path; one in memory is reached by no other process.

        Raises SettingsError when nothing can be written beside it, or locked.
        """
        self._path = path = path_of(database)
        #: Whether nobody held it before.
        self._is_new = path is None or not path.exists()
        self._file = None if path is None else _open(path)
        self._is_held = self._file is None
        self._has_waited = False

    def take(self) -> bool:
        """Say whether the lanes are this worker's, and make them so when they are nobody's.

        Raises OSError when nothing can be written beside the database any more, and so nothing into it.
        """
        file = self._file
        if file is None:
            return self._is_held
        if not self._is_held:
            self._is_held = self._try_to_hold(file)
        if self._is_held:
            os.utime(file.fileno())
        return self._is_held

    def last_sign(self) -> datetime | None:
        """Return when the last holder gave a sign of life (UTC); None when nobody ever did."""
        if self._path is None or self._is_new:
            return None
        return datetime.fromtimestamp(self._path.stat().st_mtime, UTC)

    def drop(self) -> None:
        """Let the next worker have the lanes, for good; the caller serves none any more."""
        self._is_held = False
        if self._file is not None:
            self._file.close()
            self._file = None

    def _try_to_hold(self, file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self._has_waited:
                _log.info("another worker sends from this database; this one takes over when it ends")
            self._has_waited = True
            return False
        if self._has_waited:
            _log.info("the worker that sent from this database has ended; this one sends now")
        return True


def path_of(database: str | None) -> Path | None:
    """Return the path of the leader lock of a database, or None for one in memory."""
    if database is None or database in ("", ":memory:"):
        return None
    return Path(f"{Path(database).resolve()}{SUFFIX}")


def seconds_silent(database: str | None) -> float | None:
    """Return for how many seconds the holder gave no sign of life; None when no worker ever was there."""
    path = path_of(database)
    try:
        # By the kernel's clock, which dated the sign, and not by ours.
        return None if path is None else time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None


def _open(path: Path) -> IO[bytes]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("ab"))
            # Said now where the file system knows no locks; that somebody holds it is as it should be.
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                fcntl.flock(file, fcntl.LOCK_UN)
        except OSError as error:
            sentence = N_("The sending engine cannot write %(path)s, beside its database: %(reason)s.")
            raise SettingsError(sentence, path=path, reason=error.strerror) from error
        stack.pop_all()
        return file
