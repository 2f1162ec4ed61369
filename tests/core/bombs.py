"""Functions that read a file as no function should, for a child to be stopped at."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from campaigns.core.errors import AddressError, FieldsError, FileFormatError, RowProblem, RowsError


class Colour(StrEnum):
    """A word of a list."""

    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A value of every kind that files are read into."""

    day: date
    amount: Decimal
    colour: Colour
    pair: tuple[int, str] | None = None
    cells: set[int] = field(default_factory=set)
    extra: dict[str, str] = field(default_factory=dict)


def echo(file: BinaryIO, *, thing: Thing, often: int = 1) -> list[Thing]:
    """Return what came in, unless the file is empty."""
    return [thing] * often if file.read() else []


def lines(file: BinaryIO, *, limit: int) -> Generator[str, None, int]:
    """Give each line, and return how many there were."""
    count = 0
    for line in file:
        count += 1
        if count > limit:
            raise FileFormatError("More than %(limit)s lines.", limit=limit)
        yield line.decode().rstrip("\n")
    return count


def eat(file: BinaryIO) -> int:
    """Take all memory there is, as lists of a JSON file do."""
    return len([bytearray(1 << 20) for _ in range(100_000)])


def spin(file: BinaryIO) -> int:
    """Work for ever."""
    while True:
        pass


def sleep(file: BinaryIO) -> int:
    """Wait for ever, without any work."""
    time.sleep(3600)
    return 0


def flood(file: BinaryIO) -> Generator[str, None, int]:
    """Give more than anybody can keep."""
    while True:
        yield "x" * 1_000_000


def fill(file: BinaryIO) -> int:
    """Write its answer to a disk that is full."""
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    return 0


def die(file: BinaryIO) -> int:
    """End as a library does that runs out of memory."""
    os.kill(os.getpid(), signal.SIGABRT)
    return 0


def fail(file: BinaryIO) -> int:
    """Fail with a text that quotes the file."""
    raise KeyError(file.read().decode())


def complain(file: BinaryIO, *, kind: str) -> int:
    """Refuse the file."""
    problem = RowProblem(
        3, "number", "%(text)s is %(why)s", {"text": "x" * 5000, "why": AddressError("no %(n)s", n=1)}
    )
    if kind == "rows":
        raise RowsError([problem] * 5000)
    if kind == "list":
        raise FileFormatError("Missing: %(names)s.", names=("lat", "lon"))
    if kind == "own":
        raise _OwnError("Own %(n)s.", n=2)
    raise FieldsError("Fields.", problems=[{"pointer": "/a"}])


def look_around(file: BinaryIO) -> dict[str, int]:
    """Return what a child finds about its parent."""
    secrets = [name for name in os.environ if name.startswith("FINGERPOST_")]
    opened = len(list(Path("/proc/self/fd").iterdir()))
    seen = {"secrets": len(secrets), "files": opened, "nice": os.nice(0), "sockets": _sockets()}
    return seen | {"session": os.getsid(0), "itself": os.getpid()}


def _sockets() -> int:
    found = 0
    for opened in Path("/proc/self/fd").iterdir():
        try:
            socket.socket(fileno=os.dup(int(opened.name))).close()
        except OSError:
            continue
        found += 1
    return found


class _OwnError(FileFormatError):
    """An error that a module keeps to itself."""
