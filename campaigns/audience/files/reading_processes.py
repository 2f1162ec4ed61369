"""Several processes read the rows of a contact file, each some of them, and hand them back sealed, in their order.

What they need to know comes through a pipe when they start, the key too: it stands in no command line and no
environment. They read no file and no database.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from multiprocessing.process import parent_process

from campaigns.audience.contact_rows import Names
from campaigns.audience.file_telling import Cause, FileTelling
from campaigns.audience.files.contact_reader import LineReader
from campaigns.audience.files.repeated_lines import SeenHandles
from campaigns.audience.files.staged_rows import StagedRows
from campaigns.core.errors import RowProblem, UnavailableError
from campaigns.core.words import N_
from campaigns.places.files.sheet_cells import Line

#: Parts of a file that each process has before it, so that none waits, and that bound what is in memory.
_AHEAD = 3
#: What they add to their politeness: whoever answers people goes first.
NICE = 10


@dataclass(frozen=True, slots=True)
class Manner:
    """How the lines of a file are read."""

    columns: tuple[str, ...]
    telling: FileTelling
    #: No day lies after this moment, whose zone says which day it is.
    now: datetime
    #: Of the marks of handles in this file.
    salt: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """Some lines of a file once they were read."""

    #: The people, as StagedRows seals them.
    sealed: bytes
    rows: int
    good_rows: int
    other_numbers: int
    later_taken: list[int]
    #: The first of them.
    problems: list[RowProblem]
    #: All of them by cause.
    causes: list[Cause]
    seen: SeenHandles
    names: frozenset[Names]


#: A line as another process hears of it: its number, its cells by the columns, and whether it is too long.
_Told = tuple[int, list[str], bool]
#: Reads parts of a file, each some lines, and gives them in their order.
Read = Callable[[Manner, Iterable[Sequence[Line]]], Generator[Part, None, None]]

#: In one of the processes: what it was told when it started.
_begun: list[tuple[Manner, StagedRows]] = []


def reading_here(rows: StagedRows) -> Read:
    """Return what reads in this process."""

    def read(manner: Manner, parts: Iterable[Sequence[Line]]) -> Generator[Part, None, None]:
        for lines in parts:
            yield _read(manner, rows, lines)

    return read


def reading_by(processes: int, rows: StagedRows) -> Read:
    """Return what reads in several processes, and raises UnavailableError when one dies."""

    def read(manner: Manner, parts: Iterable[Sequence[Line]]) -> Generator[Part, None, None]:
        spawning = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(processes, spawning, initializer=begin, initargs=(manner, rows))
        try:
            yield from _in_order(pool, parts, most=processes * _AHEAD)
        except BrokenProcessPool:
            raise UnavailableError(
                N_("A part of the program that read the file was ended too early. Nothing was changed. Try again.")
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)

    return read


def _in_order(
    pool: ProcessPoolExecutor, parts: Iterable[Sequence[Line]], *, most: int
) -> Generator[Part, None, None]:
    waiting: deque[Future[Part]] = deque()
    for lines in parts:
        told = [(line.number, list(line.cells.values()), line.is_too_long) for line in lines]
        waiting.append(pool.submit(read_told, told))
        if len(waiting) == most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def begin(manner: Manner, rows: StagedRows) -> None:
    """Be one of the processes, as long as there is the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    # What comes and goes has no cycles, and looking for them takes a third of the time.
    gc.disable()
    _begun.append((manner, rows))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def read_told(told: Sequence[_Told]) -> Part:
    """Read some lines in one of the processes."""
    manner, rows = _begun[0]
    lines = [
        Line(number, dict(zip(manner.columns, cells, strict=True)), is_too_long)
        for number, cells, is_too_long in told
    ]
    return _read(manner, rows, lines)


def _read(manner: Manner, rows: StagedRows, lines: Sequence[Line]) -> Part:
    reader = LineReader(manner.columns, lines, telling=manner.telling, now=manner.now, salt=manner.salt)
    people = list(chain.from_iterable(reader.batches(len(lines))))
    counts = (reader.rows, reader.good_rows, reader.other_numbers, reader.later_taken)
    names = frozenset(row.names for row in people)
    return Part(rows.sealed(people), *counts, reader.wrong.problems, reader.wrong.causes, reader.seen, names)


def _end_with_parent() -> None:
    # Each process holds both ends of the pipe that it waits at, so that it would wait for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
