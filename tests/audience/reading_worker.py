"""A worker that reads what members handed in, as the tests of contact files and of lists of opt-outs have it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from threading import Event

import pytest
import xlsxwriter
from werkzeug.test import TestResponse

from campaigns.audience.files.worker_reading import CLAIMED_FOR
from campaigns.audience.models import ImportState
from campaigns.core import clock
from tests.moments import standing_at

POLL = {"HX-Request": "true"}
READ, UNTAKEN = "the sending engine reads it", "This file is not begun yet"


class Meanwhile(Event):
    """Is never told to stop; during the first rest of a worker somebody acts."""

    def __init__(self, act: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._act, self.rests = act, list[tuple[float, int]]()
        #: Says how far the lists are.
        self.far: Callable[[], int] = lambda: 0

    def wait(self, timeout: float | None = None) -> bool:
        self.rests.append((timeout or 0, self.far()))
        if len(self.rests) == 1:
            self._act()
        return False


#: Lets a worker read what waits, and returns how much it read; returns how each file stands, by its page.
Check = Callable[[Meanwhile], int]
States = Callable[[], Mapping[str, ImportState]]


def workbook(*numbers: str) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as book:
        book.add_worksheet().write_column(0, 0, numbers)
    return content.getvalue()


def tiles(answer: TestResponse) -> list[str]:
    """Return the figures of a file's page, such as rows, different numbers, and own contacts among them."""
    return re.findall(r'figure-number">([^<]+)<', answer.text)


def dies_and_leaves_it(check: Check, states: States, path: str) -> None:
    """See that another worker reads a file once the one that had it is taken for dead, and not before."""

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(Meanwhile(die))
    assert (check(Meanwhile()), states()) == (0, {path: ImportState.READING})
    with standing_at(clock.now() + CLAIMED_FOR + timedelta(seconds=1)):
        assert check(Meanwhile()) == 1
    assert states() == {path: ImportState.CHECKED}


def two_read_one_each(check: Check, states: States, paths: Iterable[str]) -> None:
    """See that a worker reads the second of two files while another one has the first."""
    others = list[int]()
    assert check(Meanwhile(lambda: others.append(check(Meanwhile())))) == 1
    assert (others, states()) == ([1], dict.fromkeys(paths, ImportState.CHECKED))


def stops_and_gives_it_back(check: Check, states: States, path: str) -> None:
    """See that a worker which stops gives a file back, and that the next one reads it at once."""
    stopping = Meanwhile()
    stopping._act = stopping.set
    assert (check(stopping), states()) == (0, {path: ImportState.READING})
    assert (check(Meanwhile()), states()) == (1, {path: ImportState.CHECKED})
