"""Has a file read by a child, and says in one sentence what became of a child that did not come back."""

from __future__ import annotations

import inspect
import json
import logging
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict
from functools import cache
from io import UnsupportedOperation
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, ParamSpec, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from campaigns.core import errors
from campaigns.core.errors import (
    BrokenOffError,
    FingerpostError,
    InputError,
    RowProblem,
    RowsError,
    UnavailableError,
    UnreadableFileError,
)
from campaigns.core.limited.child_limits import BROKEN, DISK_FULL, DONE, FULL, REFUSED, Limits
from campaigns.core.limited.disk_room import needing_room, no_room, scratch_file
from campaigns.core.words import N_

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)

#: Files that a process has read at once, how many others wait for their turn (each with a thread), and how long,
#: in seconds.
CHILDREN, MOST_WAITING, WAIT_SECONDS = 2, 4, 10
#: Between two looks whether a child may go on, where anybody asks.
LOOK_SECONDS = 0.5
_turns, _places = threading.BoundedSemaphore(CHILDREN), threading.BoundedSemaphore(CHILDREN + MOST_WAITING)

_ROOT = Path(__file__).resolve().parents[3]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from campaigns.core.limited.child import main; main(int(sys.argv[2]))"
)
#: All that a child knows of its surroundings. Threads of numerical libraries would each ask for memory.
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}

#: What is asked while a child works for this thread.
_looks: ContextVar[Callable[[], bool] | None] = ContextVar("looks", default=None)


@contextmanager
def looking_up(may_go_on: Callable[[], bool]) -> Iterator[None]:
    """Ask every LOOK_SECONDS, while a child works for what is inside, whether it may; if not: UnavailableError.

    For whoever has no user that waits, and has to stop in time.
    """
    token = _looks.set(may_go_on)
    try:
        yield
    finally:
        _looks.reset(token)


def read_apart(
    limits: Limits,
    function: Callable[Concatenate[BinaryIO, P], T],
    file: BinaryIO | bytes,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Return what a function of a module returns for a file and these arguments, called in a child.

    What goes in and comes out is JSON, read by the function's annotations. Raises what the function raises of
    InputError, UnreadableFileError for a file that takes more than its limits or breaks the child, and
    UnavailableError while too many others are read, or where the disk is full.
    """
    with _answer(limits, function, file, args, kwargs) as (answer, _):
        value: T = adapter_of(function).validate_json(answer.read())
    return value


@contextmanager
def rows_apart(
    limits: Limits,
    function: Callable[Concatenate[BinaryIO, P], Generator[T, None, R]],
    file: BinaryIO | bytes,
    *args: P.args,
    **kwargs: P.kwargs,
) -> Iterator[tuple[Iterator[T], R]]:
    """Give one by one what a generator gives for a file, and what it returns at its end.

    No more than one is in memory, and the child has read all of the file by then. Else as `read_apart`.
    """
    with _answer(limits, function, file, args, kwargs) as (answer, letter):
        adapter = adapter_of(function)
        returned: R = adapter_of(function, of_end=True).validate_json(letter)
        yield (adapter.validate_json(line) for line in answer), returned


@cache
def adapter_of(function: Callable[..., Any], *, of_end: bool = False) -> TypeAdapter[Any]:
    """Return what reads JSON as the type that a function returns, or a generator gives, or returns at its end."""
    returned = get_type_hints(function)["return"]
    if inspect.isgeneratorfunction(function):
        given, _, end = get_args(returned)
        returned = end if of_end else given
    return TypeAdapter(returned)


@contextmanager
def _answer(
    limits: Limits, function: Callable[..., Any], file: BinaryIO | bytes, args: Any, kwargs: Any
) -> Iterator[tuple[BinaryIO, bytes]]:
    """Give the answer of a child, from its beginning, and its letter."""
    given = inspect.signature(function).bind(file, *args, **kwargs).arguments
    arguments = dict(list(given.items())[1:])
    order = {"module": function.__module__, "name": function.__qualname__, "limits": asdict(limits)}
    with _on_disk(file) as source, scratch_file() as letter, scratch_file() as answer:
        with needing_room():
            letter.write(json.dumps(order | {"arguments": to_jsonable_python(arguments)}).encode())
            letter.seek(0)
        with _turn():
            began = time.monotonic()
            code = _run(limits, source, letter, answer)
            took = time.monotonic() - began
        letter.seek(0)
        said = letter.read()
        if code != DONE:
            raise _told(code, said, f"{function.__module__}.{function.__qualname__} after {took:.1f} s")
        answer.seek(0)
        yield answer, said


def _run(limits: Limits, source: BinaryIO, letter: BinaryIO, answer: BinaryIO) -> int | None:
    """Run a child and return how it ended; None when its time was up."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _START, str(_ROOT), str(letter.fileno())],
        stdin=source,
        stdout=answer,
        stderr=subprocess.DEVNULL,
        pass_fds=(letter.fileno(),),
        env=_ENVIRONMENT,
        cwd="/",
        # Whoever ends us by a signal to our group leaves it to us to end the child.
        start_new_session=True,
    )
    deadline, looks = time.monotonic() + limits.seconds, _looks.get()
    try:
        while (left := deadline - time.monotonic()) > 0:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(left if looks is None else min(left, LOOK_SECONDS))
            if looks is not None and not looks():
                raise UnavailableError(N_("This program is being stopped. Nothing was changed."))
        return None
    finally:
        process.kill()
        process.wait()


@contextmanager
def _turn() -> Iterator[None]:
    with ExitStack() as stack:
        for places, seconds in ((_places, 0), (_turns, WAIT_SECONDS)):
            if not places.acquire(timeout=seconds):
                raise UnavailableError(
                    N_("Other files are being read. Nothing was changed. Try again in a minute.")
                )
            stack.callback(places.release)
        yield


@contextmanager
def _on_disk(file: BinaryIO | bytes) -> Iterator[BinaryIO]:
    """Give a file that a child can read from its beginning: itself, or a copy that has no name."""
    if not isinstance(file, bytes):
        file.seek(0)
        try:
            file.fileno()
        except UnsupportedOperation:
            pass
        else:
            file.flush()
            yield file
            return
    with scratch_file() as copy:
        with needing_room():
            if isinstance(file, bytes):
                copy.write(file)
            else:
                shutil.copyfileobj(file, copy)
            copy.seek(0)
        yield copy


def _told(code: int | None, letter: bytes, what: str) -> FingerpostError:
    """Return the error that a child stands for, and write into the log what is no fault of the file alone."""
    if code == REFUSED:
        return unpacked(json.loads(letter))
    if code == BROKEN:
        said = json.loads(letter)
        log.error("a file was not read: %s: %s at %s", what, said["kind"], said["at"])
        return UnreadableFileError(
            N_("This file could not be read: it holds something that was not expected. Save it again and retry.")
        )
    if code == DISK_FULL:
        log.error("a file was not read: %s: the disk is full", what)
        return no_room()
    log.warning("a file was not read: %s: ended with %s", what, "its time" if code is None else code)
    if code is None or code == -signal.SIGXCPU:
        return UnreadableFileError(N_("Reading this file takes too long. Split it and send the parts."))
    if code == FULL:
        return UnreadableFileError(N_("Reading this file takes too much memory. Split it and send the parts."))
    kind = BrokenOffError if code < 0 else UnreadableFileError
    return kind(
        N_("Reading this file broke off: it is damaged, or not what it claims to be. Save it again and retry.")
    )


def unpacked(said: dict[str, Any]) -> FingerpostError:
    """Return the error that a child packed."""
    values = {name: _value(value) for name, value in said["values"].items()}
    if "problems" in said:
        return RowsError([_problem(each) for each in said["problems"]], count=said["count"])
    kind = getattr(errors, said["kind"])
    error: FingerpostError = (kind if kind in _plain_kinds() else InputError)(said["template"], **values)
    return error


@cache
def _plain_kinds() -> frozenset[type[FingerpostError]]:
    """Return the errors of a file that are made of a sentence alone."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, InputError)}
    return frozenset(kind for kind in kinds if kind.__init__ is FingerpostError.__init__)


def _problem(said: dict[str, Any]) -> RowProblem:
    values = {name: _value(value) for name, value in said["values"].items()}
    return RowProblem(said["line"], said["column"], said["template"], values)


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return unpacked(value["error"]) if "error" in value else _problem(value["problem"])
    return tuple(map(_value, value)) if isinstance(value, list) else value
