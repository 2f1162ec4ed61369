"""A contact file is read to its end before anything of it is written: by one process, a large one by several.

What was read waits in a file without a name, sealed with a key that these processes alone have and nobody keeps.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import BinaryIO

from campaigns.audience.contact_rows import ContactRow, Names
from campaigns.audience.file_telling import MOST_LINES, FileTelling, Tally
from campaigns.audience.files.contact_reader import BATCH, ContactReader, Ending, stands_twice, text_of
from campaigns.audience.files.reading_processes import Manner, Part, reading_by, reading_here
from campaigns.audience.files.repeated_lines import SeenHandles
from campaigns.audience.files.staged_rows import StagedRows
from campaigns.core.errors import MOST_PROBLEMS, RowProblem, TooManyRowsError
from campaigns.core.limited.disk_room import needing_room, scratch_file
from campaigns.core.settings import Settings
from campaigns.core.words import N_
from campaigns.places.files.sheet_cells import recognise_coding

#: Bytes of a file that one process reads sooner than others start: some twenty thousand people.
SMALL = 2 << 20
#: More processes would wait for the one that parts the lines.
MOST_PROCESSES = 8
#: Different things that the people of a file may name, for all of them to be kept.
MOST_NAMES = 10_000
#: Before each part of the file without a name stands its length.
_LENGTH = struct.Struct("<I")


class Doing(StrEnum):
    """What is done with a file just now."""

    READING = "read"
    #: On SQLite, before anything is written: see `made_beforehand`.
    MAKING = "made ready"
    WRITING = "written"


#: Hears what is done, with how many rows it was, and which share of all that is.
Tell = Callable[[Doing, int, float], None]


def untold(doing: Doing, rows: int, share: float) -> None:
    """Tell nobody how far it is."""


class Staged:
    """The people of a file that was read to its end."""

    def __init__(self, file: BinaryIO, rows: StagedRows) -> None:
        self._file, self.rows = file, rows
        self._ending: Ending | None = None
        #: All that the people of a file that was read name; None where it is too much.
        self.names: Collection[Names] | None = None

    @property
    def ending(self) -> Ending:
        """What there is to say of the file."""
        if self._ending is None:
            raise ValueError("the file was not read to its end")
        return self._ending

    def keep(self, parts: Iterable[bytes], ending: Callable[[], Ending]) -> None:
        """Keep what was read, and what there is to say of it in the end; a full disk raises UnavailableError."""
        with needing_room():
            for part in parts:
                self._file.write(_LENGTH.pack(len(part)) + part)
            self._file.flush()
        self._ending = ending()

    def batches(self) -> Iterator[list[ContactRow]]:
        """Give the people, as often as anybody asks; no handle comes twice in one batch."""
        self._file.seek(0)
        while length := self._file.read(_LENGTH.size):
            people = self.rows.opened(self._file.read(_LENGTH.unpack(length)[0]))
            if people:
                yield people

    def told(self, doing: Doing, tell: Tell) -> Iterator[list[ContactRow]]:
        """Give the people once, and tell with how many of them it was done."""
        counted = self.counting(doing, tell)
        for batch in self.batches():
            yield batch
            counted(len(batch))

    def counting(self, doing: Doing, tell: Tell) -> Callable[[int], None]:
        """Return what tells with how many people something was done; it is called with each further number."""
        done = 0

        def counted(further: int) -> None:
            nonlocal done
            done += further
            tell(doing, done, done / max(self.ending.good_rows, 1))

        return counted


def limit_size(file: BinaryIO, settings: Settings) -> None:
    """Raise TooManyRowsError for a file with more bytes than the settings allow; it is left at its beginning."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > settings.import_max_megabytes * 1024 * 1024:
        raise TooManyRowsError(
            N_("The file is larger than %(limit)s MB. Split it."), limit=settings.import_max_megabytes
        )


def processes_for(size: int) -> int:
    """Return how many processes read a file of so many bytes: one for a small one, else one for each core."""
    return 1 if size < SMALL else min(len(os.sched_getaffinity(0)), MOST_PROCESSES)


@contextmanager
def staged(
    file: BinaryIO,
    *,
    default_country: str | None,
    max_rows: int,
    now: datetime,
    processes: int | None = None,
    tell: Tell = untold,
    batch: int = BATCH,
) -> Iterator[Staged]:
    """Read a contact file to its end, and give its people; it stays open.

    Raises what `read_contacts` raises, and UnavailableError when a process dies or the disk is full.
    """
    size = file.seek(0, os.SEEK_END)
    coding, telling = recognise_coding(file), FileTelling(default_country)
    count = processes or processes_for(size)
    with closing(text_of(file, coding)) as text, scratch_file() as kept:
        source = ContactReader(text, telling=telling, max_rows=max_rows, now=now)
        manner = Manner(source.columns, telling, now, source.seen.salt)
        people = Staged(kept, StagedRows.new())
        read = reading_by(count, people.rows) if count > 1 else reading_here(people.rows)
        summing = _Summing(source.seen)

        def told() -> Iterator[bytes]:
            parts = iter(lambda: list(islice(source.lines, batch)), [])
            with closing(read(manner, parts)) as found:
                for part in found:
                    summing.add(part)
                    yield part.sealed
                    tell(Doing.READING, summing.rows, min(file.tell() / max(size, 1), 1.0))

        people.keep(told(), lambda: summing.ending(coding))
        people.names = summing.names
        yield people


class _Summing:
    """What there is to say of a file, part by part."""

    def __init__(self, seen: SeenHandles) -> None:
        self._seen = seen
        self._problems: list[RowProblem] = []
        self._tally = Tally()
        self._later_taken: list[int] = []
        #: What its people name; None where it is too much.
        self.names: set[Names] | None = set()
        self.rows = self._good_rows = self._bad_rows = self._other_numbers = 0

    def add(self, part: Part) -> None:
        """Take up what is known of the next part; of what is wrong only the first is kept."""
        self.rows += part.rows
        self._good_rows += part.good_rows
        self._bad_rows += part.rows - part.good_rows
        self._other_numbers += part.other_numbers
        self._later_taken += part.later_taken[: MOST_LINES + 1 - len(self._later_taken)]
        self._problems += part.problems[: MOST_PROBLEMS - len(self._problems)]
        for cause in part.causes:
            self._tally.add(cause)
        self._seen.extend(part.seen)
        if self.names is not None:
            self.names |= part.names
            if len(self.names) > MOST_NAMES:
                self.names = None

    def ending(self, coding: str) -> Ending:
        """Return it once all was read: handles that came twice far apart are told then."""
        twice = list(self._seen.repeated())
        repeated = [stands_twice(line, first) for line, first in twice[:MOST_PROBLEMS]]
        for line, first in twice:
            self._tally.note(stands_twice(line, first))
        problems = sorted([*self._problems, *repeated], key=lambda problem: problem.line)
        bad_rows = self._bad_rows + len({line for line, _ in twice})
        told = (coding, self.rows, self._good_rows, bad_rows, problems[:MOST_PROBLEMS])
        causes = self._tally.causes
        return Ending(*told, causes, other_numbers=self._other_numbers, later_taken=self._later_taken)
