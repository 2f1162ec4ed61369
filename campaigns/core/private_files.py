"""Files of an instance are for its own account alone: nobody else on the machine reads its database or logs."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

#: Rights of others than the owner.
_OF_OTHERS = 0o077
#: What SQLite keeps beside a database file.
_BESIDE = ("", "-wal", "-shm", "-journal")

_log = logging.getLogger(__name__)


def keep_files_private() -> None:
    """Let every file that this process and its children make from now on be for their own account alone."""
    os.umask(_OF_OTHERS)


def close_to_others(database: Path) -> None:
    """Take from others the right to read a SQLite file that was made when they had it, and what lies beside it.

    One that belongs to another account stays as it is, which the log tells; so does whatever is no file: a wrong
    address may name a folder that others need.
    """
    for ending in _BESIDE:
        path = database.with_name(database.name + ending)
        try:
            mode = path.stat().st_mode
            if stat.S_ISREG(mode) and mode & _OF_OTHERS:
                path.chmod(stat.S_IMODE(mode) & ~_OF_OTHERS)
        except FileNotFoundError:
            continue
        except PermissionError:
            _log.warning("others may read %s: its owner has to run chmod 600", path)
