"""Chores are done again and again, wait while the clock is wrong, and fail alone."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from campaigns.core.processes import chores
from campaigns.core.processes.chores import Chore, do_each, repeat
from campaigns.core.processes.outages import Outages


def do_for(seconds: float, *wanted: Chore, is_astray: Callable[[], bool] = lambda: False) -> None:
    """Repeat chores for some time."""

    async def work() -> None:
        stopping = asyncio.Event()
        tasks = [
            asyncio.create_task(repeat(chore, stopping, must_wait=lambda each: each.needs_clock and is_astray()))
            for chore in wanted
        ]
        await asyncio.sleep(seconds)
        stopping.set()
        await asyncio.gather(*tasks)

    asyncio.run(work())


def test_what_compares_times_waits_while_the_clock_is_wrong() -> None:
    done: list[str] = []

    async def note(name: str) -> None:
        done.append(name)

    timed = Chore("timed", 0.01, lambda: note("timed"))
    timeless = Chore("timeless", 0.01, lambda: note("timeless"), needs_clock=False)
    began = time.monotonic()
    do_for(0.4, timed, timeless, is_astray=lambda: time.monotonic() < began + 0.2)
    first = done.index("timed")
    assert done[:first].count("timeless") >= 3
    assert done.count("timed") >= 3


def test_seldom_chore_that_had_to_wait_is_done_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker judges its clock just after its start; what is done once an hour does not wait an hour for it."""
    monkeypatch.setattr(chores, "LOOK_AGAIN_SECONDS", 0.01)
    done: list[float] = []

    async def note() -> None:
        done.append(time.monotonic())

    began = time.monotonic()
    do_for(0.3, Chore("seldom", 3600.0, note), is_astray=lambda: time.monotonic() < began + 0.05)
    assert len(done) == 1


def test_failing_chore_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    times: list[float] = []

    async def fail() -> None:
        times.append(time.monotonic())
        raise ZeroDivisionError

    do_for(0.5, Chore("dividing", 0.05, fail))
    assert 2 <= len(times) <= 5
    assert "dividing failed" in caplog.text


def test_database_that_is_away_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "OUTAGES", Outages())

    async def ask() -> None:
        raise OperationalError("SELECT 1", {}, sqlite3.OperationalError("unable to open database file"))

    do_for(0.5, *(Chore(f"chore {number}", 0.01, ask) for number in range(5)))
    (record,) = caplog.records
    assert "it does not answer" in record.getMessage()
    assert record.exc_info is None


def test_each_step_is_done_whatever_becomes_of_the_others(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "OUTAGES", Outages())
    done: list[str] = []

    def fail() -> None:
        raise ZeroDivisionError

    def be_away() -> None:
        raise OperationalError("SELECT 1", {}, sqlite3.OperationalError("database is locked"))

    do_each({"one": fail, "two": be_away, "three": lambda: done.append("three")})
    assert done == ["three"]
    assert "one failed" in caplog.text
    assert "Met first by: two" in caplog.text
