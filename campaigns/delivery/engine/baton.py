"""Which of several workers of one SQLite file serves its lanes: the one that holds the baton.

The baton is the kernel's lock on a file beside the database. It goes with its holder, however that ends: the next
worker takes over at its next look, and never before the last call of the one before. So the pace, the breaker and
the daily limit of a sender need no memory that workers share.
"""

from __future__ import annotations

import fcntl
import logging
from dataclasses import replace
from pathlib import Path
from typing import IO

from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.crypto import Vault
from campaigns.core.errors import SettingsError
from campaigns.delivery.engine.ports import Snapshot
from campaigns.delivery.engine.store import DatabaseStore

#: Appended to the database's path, as SQLite does with `-wal` and `-shm`; the file stays empty.
SUFFIX = "-baton"

_log = logging.getLogger(__name__)


class Baton:
    """One worker's hold on the lanes of a SQLite file."""

    def __init__(self, database: str | None) -> None:
        """Prepare for the database at a path; one in memory is reached by no other process.

        Raises SettingsError when nothing can be written beside it.
        """
        is_alone = database in (None, "", ":memory:")
        self._file = None if is_alone else _open(Path(f"{Path(str(database)).resolve()}{SUFFIX}"))
        self._is_held = self._file is None
        self._has_waited = False

    def take(self) -> bool:
        """Say whether the lanes are this worker's, and make them so when they are nobody's."""
        if self._is_held or self._file is None:
            return self._is_held
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self._has_waited:
                _log.info("another worker sends from this database; this one takes over when it ends")
            self._has_waited = True
            return False
        if self._has_waited:
            _log.info("the worker that sent from this database has ended; this one sends now")
        self._is_held = True
        return True

    def drop(self) -> None:
        """Let the next worker have the lanes, for good; the caller serves none any more."""
        self._is_held = False
        if self._file is not None:
            self._file.close()
            self._file = None


class BatonStore(DatabaseStore):
    """The store of a worker on SQLite: every lane is its own, or none."""

    def __init__(self, sessions: sessionmaker[Session], vault: Vault, baton: Baton) -> None:
        super().__init__(sessions, vault)
        self._baton = baton

    def snapshot(self) -> Snapshot:
        """Read what the fence needs."""
        # The baton first: who has it reads nothing from before its last holder ended.
        lanes = None if self._baton.take() else frozenset[tuple[int, bool]]()
        return replace(super().snapshot(), lanes=lanes)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except OSError as error:
        raise SettingsError(f"The worker cannot write beside its database: {path}: {error.strerror}.") from error
