"""Places of processes are kept taken: by who died, who is stuck, and who could not even be started."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from campaigns.core.processes import seats
from campaigns.core.processes.seats import Seat, give_beat

PATIENCE = 30.0


def get_stuck(log: str, beats: int) -> None:
    """Be a process that gives so many signs of life, and lives on without."""
    with Path(log).open("a", encoding="ascii") as file:
        file.write("began\n")
    for _ in range(beats):
        give_beat()
        time.sleep(0.1)
    time.sleep(600)


def look_until(seat: Seat, log: Path, *, begun: int, seconds: float = PATIENCE) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seat.look()
        if log.exists() and log.read_text().count("began") >= begun:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("beats", "is_replaced"), [(1, True), (0, False), pytest.param(100, False, marks=pytest.mark.long)]
)
def test_stuck_process_is_replaced(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    beats: int,
    is_replaced: bool,
) -> None:
    monkeypatch.setattr(seats, "STUCK_AFTER", 1.0)
    log = tmp_path / "log"
    seat = Seat("stuck", get_stuck, str(log), beats)
    try:
        assert look_until(seat, log, begun=1)
        assert look_until(seat, log, begun=2, seconds=PATIENCE if is_replaced else 3.0) is is_replaced
        assert ("stuck is stuck and is killed" in caplog.text) is is_replaced
    finally:
        seat.tell_to_end()
        seat.wait_until(time.monotonic() + 5)


def test_process_that_stood_still_with_its_keeper_is_not_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "log"
    seat = Seat("frozen", get_stuck, str(log), 1000)
    try:
        assert look_until(seat, log, begun=1)
        time.sleep(0.5)
        monkeypatch.setattr(seats, "STUCK_AFTER", 1.0)
        assert seat._process is not None
        os.kill(seat._process.pid or 0, signal.SIGSTOP)
        # Nobody looks meanwhile: the whole container is frozen.
        time.sleep(1.5)
        seat.look()
        os.kill(seat._process.pid or 0, signal.SIGCONT)
        time.sleep(0.3)
        seat.look()
        assert "is stuck" not in caplog.text
        assert seat._process.is_alive()
    finally:
        seat.tell_to_end()
        seat.wait_until(time.monotonic() + 5)


def test_process_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start, refused = SpawnProcess.start, iter([OSError(11, "Resource temporarily unavailable")])

    def try_to_start(process: SpawnProcess) -> None:
        for error in refused:
            raise error
        start(process)

    monkeypatch.setattr(SpawnProcess, "start", try_to_start)
    log = tmp_path / "log"
    seat = Seat("late", get_stuck, str(log), 0)
    try:
        assert look_until(seat, log, begun=1)
        assert "late cannot be started" in caplog.text
    finally:
        seat.tell_to_end()
        seat.wait_until(time.monotonic() + 5)
