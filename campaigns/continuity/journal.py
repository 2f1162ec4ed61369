"""The journal of stops stands outside the database, so that no restored backup forgets who asked for silence.

A line is on the disk before the provider, or the member, is answered: it is written within the transaction,
before its commit. One whose transaction was rolled back does no harm. It holds keyed hashes and no handle. Every
process of a machine appends to the same file, one for each month. Each line carries a checksum, and one that was
cut off by a crash costs no other.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.places import files_of
from campaigns.core import clock
from campaigns.core.errors import SettingsError
from campaigns.core.words import N_

#: Where a session has the journal of its process.
KEY = "journal"

_log = logging.getLogger(__name__)


class Said(StrEnum):
    """What was said."""

    STOP = "stop"
    HOLD = "hold"
    START = "start"


@dataclass(frozen=True, slots=True)
class Entry:
    """What one person said, by the keyed hashes and channels for which it counts."""

    said: Said
    at: datetime
    marks: tuple[tuple[bytes, str], ...]


class Journal:
    """The journal of this machine; `beginning` is how the paths of its files begin."""

    def __init__(self, beginning: Path) -> None:
        """Prepare a journal. Raises SettingsError when it cannot be written."""
        self._beginning = beginning
        try:
            beginning.parent.mkdir(parents=True, exist_ok=True)
            self._append(self._path(clock.now()), b"")
        except OSError as error:
            sentence = N_("The journal of opt-outs, %(path)s, cannot be written: %(reason)s.")
            path = self._path(clock.now())
            raise SettingsError(sentence, path=path, reason=error.strerror) from error

    def note(self, said: Said, marks: Collection[tuple[bytes, str]]) -> None:
        """Append what somebody said; when this returns it is on the disk.

        A journal that cannot be written is told in the log, and holds up nobody's stop: the database has it.
        """
        entry = Entry(said, clock.now(), tuple((lookup, str(channel)) for lookup, channel in sorted(marks)))
        try:
            # A line of its own, also after one that was cut off.
            self._append(self._path(entry.at), b"\n" + _line(entry) + b"\n")
        except OSError:
            _log.exception("a %s is not in the journal", said)

    def files(self) -> list[Path]:
        """Return the files of this machine's journal, the oldest first."""
        return sorted(self._beginning.parent.glob(f"{self._beginning.name}-*.jsonl"))

    def found_here(self) -> list[Path]:
        """Return every journal in the same folder: a restored database may stand under another name now.

        The hashes of another instance are made with another key and name nobody here.
        """
        return sorted(self._beginning.parent.glob("*-stops-*.jsonl"))

    def _path(self, at: datetime) -> Path:
        return Path(f"{self._beginning}-{at:%Y-%m}.jsonl")

    @staticmethod
    def _append(path: Path, content: bytes) -> None:
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def journal_of(url: URL, state: Path) -> Journal | None:
    """Return the journal of this machine for a database; None for one that ends with its process.

    Raises SettingsError when it cannot be written.
    """
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        return None
    return Journal(files_of(url, state, "stops"))


def keep_journal(sessions: sessionmaker[Session], state: Path) -> None:
    """Let every session of a process write into this machine's journal. Raises SettingsError."""
    sessions.configure(info={KEY: journal_of(sessions.kw["bind"].url, state)})


def note(session: Session, said: Said, marks: Collection[tuple[bytes, str]]) -> None:
    """Append to the journal of the process that a session belongs to; a test's session may have none."""
    journal: Journal | None = session.info.get(KEY)
    if journal is not None and marks:
        journal.note(said, marks)


def read_journal(path: Path) -> Iterator[Entry | None]:
    """Yield the entries of a file in their order, and None for each line that is damaged."""
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield _entry(line.rstrip(b"\n"))


def _write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`: a disk that is nearly full may take a part, and say so in no other way."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _line(entry: Entry) -> bytes:
    marks = [[lookup.hex(), channel] for lookup, channel in entry.marks]
    content = json.dumps({"said": entry.said, "at": entry.at.isoformat(), "marks": marks}).encode()
    return hashlib.sha256(content).hexdigest()[:16].encode() + b" " + content


def _entry(line: bytes) -> Entry | None:
    checksum, _, content = line.partition(b" ")
    if hashlib.sha256(content).hexdigest()[:16].encode() != checksum:
        return None
    fields = json.loads(content)
    marks = tuple((bytes.fromhex(lookup), channel) for lookup, channel in fields["marks"])
    return Entry(Said(fields["said"]), datetime.fromisoformat(fields["at"]), marks)
