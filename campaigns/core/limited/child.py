"""The child: it limits itself, calls one function of ours with one file, and writes down what that returns.

It has the file as standard input, its answer as standard output, and a letter: the file in which its parent wrote
what to do and in which it writes what went wrong.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import to_json

from campaigns.core import errors
from campaigns.core.errors import FingerpostError, InputError, RowProblem, RowsError
from campaigns.core.limited.child_limits import (
    BROKEN,
    DISK_FULL,
    DONE,
    FULL,
    GRACE_SECONDS,
    MEGABYTE,
    REFUSED,
    Limits,
)
from campaigns.core.limited.disk_room import NO_ROOM

#: Letters of a value in a sentence about a file.
LONGEST_VALUE = 300
#: What a child adds to its politeness: whoever answers people goes first.
NICE = 10


def main(letter_number: int) -> None:
    """Do what the letter says, and end the process."""
    with os.fdopen(letter_number, "r+b", buffering=0) as letter:
        told = json.loads(letter.read())
        limits = Limits(**told["limits"])
        # Whatever happens to the parent.
        signal.alarm(limits.seconds + GRACE_SECONDS)
        os.nice(NICE)
        function = _function(told["module"], told["name"])
        _limit(limits)
        try:
            code, said = _work(function, told["arguments"])
        except MemoryError:
            os._exit(FULL)
        letter.seek(0)
        letter.truncate()
        letter.write(to_json(said, fallback=str))
    # All of a whole answer is written; what is left of another one may have no room.
    os._exit(code)


def _function(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _limit(limits: Limits) -> None:
    """Take from this process what it does not need, from what it has now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[0]
    present = int(pages) * resource.getpagesize()
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    seconds = int(used) + 1 + limits.processor_seconds
    for what, most in (
        (resource.RLIMIT_AS, present + limits.megabytes * MEGABYTE),
        (resource.RLIMIT_FSIZE, limits.answer_megabytes * MEGABYTE),
        # What a crash would leave behind is somebody's file.
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (most, most))
    # At the second one the system no longer says why it ends a process.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _work(function: Callable[..., Any], arguments: dict[str, Any]) -> tuple[int, Any]:
    """Call a function and return how that ended and what there is to say of it."""
    hints = get_type_hints(function)
    try:
        given = {name: TypeAdapter(hints[name]).validate_python(value) for name, value in arguments.items()}
        with os.fdopen(0, "rb") as file:
            return DONE, _answer(function(file, **given), sys.stdout.buffer)
    except InputError as error:
        return REFUSED, packed(error)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            return FULL, {}
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            return DISK_FULL, {}
        # Its text may quote the file.
        at = traceback.extract_tb(error.__traceback__)[-1]
        return BROKEN, {"kind": type(error).__name__, "at": f"{Path(at.filename).name}:{at.lineno}"}


def _answer(value: Any, out: BinaryIO) -> Any:
    """Write a value as one line, or what a generator gives as a line each; return what that returns at its end."""
    end = None
    if isinstance(value, Generator):
        rows = _Rows(value)
        for row in rows:
            _write(row, out)
        end = rows.end
    else:
        _write(value, out)
    out.flush()
    return end


class _Rows:
    """What a generator gives; what it returned is its `end`."""

    def __init__(self, rows: Generator[Any, None, Any]) -> None:
        self._rows = rows
        self.end: Any = None

    def __iter__(self) -> Iterator[Any]:
        self.end = yield from self._rows


def _write(value: Any, out: BinaryIO) -> None:
    out.write(to_json(value, fallback=str) + b"\n")


def packed(error: FingerpostError) -> dict[str, Any]:
    """Return an error as JSON can hold it; one that a module keeps to itself as the nearest that all know."""
    known = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    said: dict[str, Any] = {"kind": known.__name__, "template": error.template, "values": _values(error.values)}
    if isinstance(error, RowsError):
        said |= {"problems": [_problem(each) for each in error.problems], "count": error.count}
    return said


def _problem(problem: RowProblem) -> dict[str, Any]:
    return {
        "line": problem.line,
        "column": _short(problem.column),
        "template": problem.template,
        "values": _values(problem.values),
    }


def _values(values: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> Any:
    if isinstance(value, FingerpostError):
        return {"error": packed(value)}
    if isinstance(value, RowProblem):
        return {"problem": _problem(value)}
    if isinstance(value, tuple):
        return [_value(each) for each in value]
    return value if isinstance(value, int | float | None) else _short(str(value))


def _short(text: str) -> str:
    # Half a character is no text that can be written.
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
