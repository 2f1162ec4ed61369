"""Reads what a member hands in: by a child with limits, while the request holds nothing of the database."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from campaigns.core.errors import FingerpostError, InputError, RowProblem, RowsError
from campaigns.core.limited.child_limits import USUAL, Limits
from campaigns.core.limited.parent import read_apart, rows_apart
from campaigns.web.session import let_go, refuse_commit


class FileForm(Protocol):
    """A form in which a file is handed in, as `file`."""

    @property
    def status(self) -> int: ...
    def validate_on_submit(self) -> bool: ...
    def show(self, error: FingerpostError, field: str) -> None: ...


P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


def read_upload(
    function: Callable[Concatenate[BinaryIO, P], T], file: BinaryIO | bytes, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return what a function reads in a file; the view must be one that `reads_first`. Raises what it raises."""
    let_go()
    return read_apart(USUAL, function, file, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Taken(Generic[T]):
    """What came of a file that a form takes."""

    #: None while nothing was done.
    done: T | None
    #: Rows that are wrong; what else is wrong stands beside the field.
    problems: tuple[RowProblem, ...]
    #: Of the page that shows the form.
    status: int


def take_whole(form: FileForm, act: Callable[[], T]) -> Taken[T]:
    """Do what a file asks that a form hands in: all of it, or nothing."""
    done: T | None = None
    problems: tuple[RowProblem, ...] = ()
    if form.validate_on_submit():
        try:
            done = act()
        except RowsError as error:
            refuse_commit()
            problems = error.problems
        except InputError as error:
            form.show(error, "file")
    return Taken(done, problems, 422 if problems else form.status)


def rows_of_upload(
    limits: Limits,
    function: Callable[Concatenate[BinaryIO, P], Generator[T, None, R]],
    file: BinaryIO | bytes,
    *args: P.args,
    **kwargs: P.kwargs,
) -> AbstractContextManager[tuple[Iterator[T], R]]:
    """Give one by one what a generator reads in a file, and what it returns at its end; else as `read_upload`."""
    let_go()
    return rows_apart(limits, function, file, *args, **kwargs)
