"""A file is read by a child that cannot take more than its limits, and whose end is one sentence."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from campaigns.core.errors import (
    BrokenOffError,
    FileFormatError,
    FingerpostError,
    InputError,
    RowsError,
    UnavailableError,
    UnreadableFileError,
)
from campaigns.core.limited import parent
from campaigns.core.limited.child_limits import USUAL, Limits
from campaigns.core.limited.parent import looking_up, read_apart, rows_apart
from campaigns.core.settings import PROJECT_ROOT
from tests.core import bombs
from tests.core.bombs import Colour, Thing

#: A short life, so that a test is.
SHORT = Limits(seconds=20, processor_seconds=1, megabytes=64, answer_megabytes=4)
THING = Thing(
    day=date(2022, 3, 1),
    amount=Decimal("1234.50"),
    colour=Colour.BLUE,
    pair=(7, "сім"),
    cells={608533827635216383},
    extra={"a": "\u202eb"},
)


@pytest.fixture(autouse=True)
def forked_reading() -> None:
    """Start each child as an instance does: that is what is tested here."""


def test_values_come_back_as_they_went() -> None:
    assert read_apart(USUAL, bombs.echo, b"x", thing=THING, often=2) == [THING, THING]
    assert read_apart(USUAL, bombs.echo, b"", thing=THING) == []


@pytest.mark.parametrize("make", [io.BytesIO, tempfile.TemporaryFile, tempfile.SpooledTemporaryFile])
def test_any_open_file_is_read_from_its_beginning(make: Callable[[], Any]) -> None:
    with make() as file:
        file.write(b"a\nb\n")
        with rows_apart(USUAL, bombs.lines, file, limit=5) as (rows, _):
            assert list(rows) == ["a", "b"]


def test_rows_come_one_by_one_after_their_end() -> None:
    with rows_apart(USUAL, bombs.lines, b"a\nb\n", limit=5) as (rows, count):
        assert count == 2
        assert iter(rows) is rows
        assert list(rows) == ["a", "b"]


def test_refusal_among_rows_comes_before_the_first() -> None:
    with (
        pytest.raises(FileFormatError, match=r"^More than 1 lines\.$"),
        rows_apart(USUAL, bombs.lines, b"a\nb\n", limit=1),
    ):
        pytest.fail("rows of a file that is refused")


@pytest.mark.parametrize(
    ("bomb", "limits", "words", "most"),
    [
        (bombs.eat, SHORT, "too much memory", 10),
        (bombs.spin, SHORT, "takes too long", 12),
        (bombs.sleep, Limits(seconds=1), "takes too long", 4),
        (bombs.flood, SHORT, "too much memory", 10),
        (bombs.die, SHORT, "broke off", 10),
        (bombs.fail, SHORT, "not expected", 10),
    ],
)
def test_bomb_is_one_clear_error(
    caplog: pytest.LogCaptureFixture, bomb: Callable[..., Any], limits: Limits, words: str, most: float
) -> None:
    began = time.monotonic()
    with caplog.at_level(logging.WARNING), pytest.raises(UnreadableFileError, match=words):
        read_apart(limits, bomb, b"a secret +380501234567")
    assert time.monotonic() - began < most
    [record] = caplog.records
    assert bomb.__name__ in record.getMessage()
    assert "secret" not in caplog.text


def test_full_disk_is_told_as_such(caplog: pytest.LogCaptureFixture) -> None:
    """It is no fault of the file, which can be sent again."""
    with caplog.at_level(logging.ERROR), pytest.raises(UnavailableError, match="no room"):
        read_apart(USUAL, bombs.fill, b"x")
    assert "the disk is full" in caplog.text


def test_child_ends_with_whoever_has_to_stop() -> None:
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="being stopped"), looking_up(lambda: False):
        read_apart(Limits(seconds=20), bombs.sleep, b"x")
    assert time.monotonic() - began < 4
    with looking_up(lambda: True):
        assert read_apart(USUAL, bombs.echo, b"x", thing=THING) == [THING]


def test_child_never_has_more_memory_than_its_limit() -> None:
    # From a small process: a child is charged for the memory of whoever starts it, and this one may have more.
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURE], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert 0 < int(ended.stdout) < 400_000


#: Prints the most memory that a child had, in kB.
_MEASURE = """
import resource
from campaigns.core.errors import UnreadableFileError
from campaigns.core.limited.child_limits import USUAL
from campaigns.core.limited.parent import read_apart
from tests.core import bombs
try:
    read_apart(USUAL, bombs.eat, b"x")
except UnreadableFileError:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.parametrize(
    ("kind", "error", "told"),
    [("rows", RowsError, "Other problems in the file: 4999"), ("own", FileFormatError, r"^Own 2\.$")],
)
def test_refusal_is_the_one_of_the_function(kind: str, error: type[FingerpostError], told: str) -> None:
    with pytest.raises(error, match=told) as caught:
        read_apart(USUAL, bombs.complain, b"x", kind=kind)
    assert type(caught.value) is error


def test_list_in_a_refusal_stays_a_list() -> None:
    with pytest.raises(FileFormatError, match=r"^Missing: lat and lon\.$") as caught:
        read_apart(USUAL, bombs.complain, b"x", kind="list")
    assert caught.value.values == {"names": ("lat", "lon")}


def test_problems_are_bounded() -> None:
    with pytest.raises(RowsError) as caught:
        read_apart(USUAL, bombs.complain, b"x", kind="rows")
    assert (len(caught.value.problems), caught.value.count) == (200, 5000)
    assert str(caught.value.problems[0]).endswith("… is no 1")
    assert len(str(caught.value.problems[0])) < 400


def test_error_that_is_more_than_a_sentence_keeps_its_sentence() -> None:
    with pytest.raises(InputError, match=r"^Fields\.$"):
        read_apart(USUAL, bombs.complain, b"x", kind="fields")


def test_child_knows_no_secret_and_is_polite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINGERPOST_SECRET_KEY", "open sesame")
    seen = read_apart(USUAL, bombs.look_around, b"x")
    assert (seen["secrets"], seen["sockets"]) == (0, 0)
    assert seen["files"] < 8
    assert seen["nice"] >= 10
    # A signal to our group is ours alone to answer.
    assert seen["session"] == seen["itself"]


def test_signal_that_ends_a_child_is_told_from_a_file_that_is_wrong() -> None:
    with pytest.raises(BrokenOffError):
        read_apart(SHORT, bombs.die, b"x")


def test_only_few_wait_for_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them has one of the threads that answer requests."""
    monkeypatch.setattr(parent, "WAIT_SECONDS", 60)
    places = parent.CHILDREN + parent.MOST_WAITING
    is_read = threading.Event()
    monkeypatch.setattr(parent, "_run", lambda *arguments: is_read.wait(10))

    def read() -> None:
        with pytest.raises(UnreadableFileError):
            read_apart(USUAL, bombs.echo, b"x", thing=THING)

    others = [threading.Thread(target=read) for _ in range(places)]
    for other in others:
        other.start()
    time.sleep(0.3)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="Other files are being read"):
        read_apart(USUAL, bombs.echo, b"x", thing=THING)
    assert time.monotonic() - began < 0.5
    is_read.set()
    for other in others:
        other.join()


@pytest.mark.long
def test_reader_beyond_the_turns_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "WAIT_SECONDS", 0.2)
    limits = Limits(seconds=3)

    def hang() -> None:
        with pytest.raises(UnreadableFileError):
            read_apart(limits, bombs.sleep, b"x")

    others = [threading.Thread(target=hang) for _ in range(parent.CHILDREN)]
    for other in others:
        other.start()
    time.sleep(0.5)
    with pytest.raises(UnavailableError, match="Other files are being read"):
        read_apart(USUAL, bombs.echo, b"x", thing=THING)
    for other in others:
        other.join()
    assert read_apart(USUAL, bombs.echo, b"x", thing=THING) == [THING]
