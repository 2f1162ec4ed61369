"""Reads what a member hands in: by a child with limits, while the request holds nothing of the database."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Concatenate, ParamSpec, TypeVar

from campaigns.core.limited.child_limits import USUAL, Limits
from campaigns.core.limited.parent import read_apart, rows_apart
from campaigns.web.session import let_go

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")


def read_upload(
    function: Callable[Concatenate[BinaryIO, P], T], file: BinaryIO | bytes, *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return what a function reads in a file; the view must be one that `reads_first`. Raises what it raises."""
    let_go()
    return read_apart(USUAL, function, file, *args, **kwargs)


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
