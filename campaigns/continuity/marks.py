"""The high-water mark is a small file outside the database that remembers how far a worker of this machine came.

It is written in place, two slots in turn, each with a checksum. Who dies while writing leaves one torn slot and
one whole; the torn one was never relied on, since a mark counts once `write` has returned.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path

from campaigns.core.errors import SettingsError
from campaigns.core.words import N_

#: Bytes of a slot: a page of a disk.
_SLOT = 4096
#: A machine has no more workers of one instance at a time.
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Mark:
    """What a worker has seen in its database."""

    epoch: int
    number: int
    #: Instance and pulse that the numbers belong to.
    code: str
    pulse: str


class MarkFile:
    """The mark of one worker, which holds it as long as it lives."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._descriptor = descriptor
        self.path, self._is_closed = path, False
        #: How often it was written; which slot is next follows from it, so the newest is never overwritten.
        self._times, self.last = _newest(os.pread(descriptor, 2 * _SLOT, 0))

    def write(self, mark: Mark) -> None:
        """Replace the mark; when this returns it is on the disk. Raises OSError."""
        if self._is_closed:
            raise OSError(errno.EBADF, "this mark belongs to another worker now")
        times = self._times + 1
        page = _packed(times, mark)
        if os.pwrite(self._descriptor, page, times % 2 * _SLOT) < len(page):
            raise OSError(errno.ENOSPC, "the disk took only a part of the mark")
        os.fdatasync(self._descriptor)
        self._times, self.last = times, mark

    def close(self) -> None:
        """Let the next worker of this machine continue it; closing twice is fine."""
        if not self._is_closed:
            os.close(self._descriptor)
        self._is_closed = True


def take_mark_file(beginning: Path) -> MarkFile:
    """Return the first mark of this machine that no living worker holds, or a new one.

    Raises SettingsError when nothing can be written there, or locked.
    """
    path = beginning
    try:
        beginning.parent.mkdir(parents=True, exist_ok=True)
        for path in _names(beginning):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            if os.fstat(descriptor).st_size < 2 * _SLOT:
                _make_room(descriptor, path.parent)
            return MarkFile(path, descriptor)
    except OSError as error:
        sentence = N_("The sending engine cannot write %(path)s, where it notes how far it came: %(reason)s.")
        raise SettingsError(sentence, path=path, reason=error.strerror) from error
    raise SettingsError(N_("More than %(most)s sending engines on one computer are too many."), most=_MOST)


def read_marks(beginning: Path) -> list[Mark]:
    """Return every mark of this machine, those that living workers hold included."""
    found: list[Mark] = []
    for path in _names(beginning):
        try:
            _, newest = _newest(path.read_bytes())
        except FileNotFoundError:
            break
        if newest is not None:
            found.append(newest)
    return found


def _make_room(descriptor: int, folder: Path) -> None:
    """Give a new file its size and its name for good, so that writing a mark changes nothing but two pages."""
    os.posix_fallocate(descriptor, 0, 2 * _SLOT)
    os.fsync(descriptor)
    directory = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _names(beginning: Path) -> Iterator[Path]:
    return (Path(f"{beginning}-{number}") for number in range(_MOST))


def _packed(times: int, mark: Mark) -> bytes:
    content = json.dumps({"times": times, **asdict(mark)}).encode()
    return (hashlib.sha256(content).hexdigest().encode() + content).ljust(_SLOT, b"\0")


def _newest(slots: bytes) -> tuple[int, Mark | None]:
    """Return the newest whole mark among two slots, and how often the file had been written by then."""
    found = [_unpacked(slots[start : start + _SLOT]) for start in (0, _SLOT)]
    return max((each for each in found if each is not None), key=itemgetter(0), default=(0, None))


def _unpacked(slot: bytes) -> tuple[int, Mark | None] | None:
    checksum, content = slot[:64], slot[64:].rstrip(b"\0")
    if not content or hashlib.sha256(content).hexdigest().encode() != checksum:
        return None
    fields = json.loads(content)
    return fields.pop("times"), Mark(**fields)
