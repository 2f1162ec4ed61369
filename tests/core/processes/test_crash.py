"""Crash points have names that the code uses, each in one place, and do nothing unless the environment asks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import campaigns
from campaigns.core.processes.crash import POINTS, VARIABLE

ROOT = Path(campaigns.__path__[0]).parent
PASSES = "from campaigns.core.processes.crash import crash_point; [crash_point('written') for _ in range(3)]"


def passes(**environ: str) -> subprocess.CompletedProcess[str]:
    """Let a process pass a point three times."""
    command = [sys.executable, "-c", PASSES]
    return subprocess.run(command, env=environ, capture_output=True, text=True, cwd=ROOT)


def test_every_point_stands_in_one_place() -> None:
    sources = Path(campaigns.__path__[0]).rglob("*.py")
    passed = Counter(
        name
        for source in sources
        for name in re.findall(r'crash_point\("(\w+)"\)', source.read_text(encoding="utf-8"))
    )
    assert passed == dict.fromkeys(POINTS, 1)


def test_points_do_nothing_by_themselves() -> None:
    assert passes().returncode == 0
    assert passes(**{VARIABLE: "written:4"}).returncode == 0


def test_variable_kills_at_its_passage() -> None:
    assert passes(**{VARIABLE: "written:3"}).returncode == -signal.SIGKILL


def test_variable_freezes_once_at_its_passage() -> None:
    command = [sys.executable, "-c", PASSES]
    with subprocess.Popen(command, env={VARIABLE: "written:2:stop"}, cwd=ROOT) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        process.send_signal(signal.SIGCONT)
        assert process.wait(20) == 0


def test_unknown_point_or_end_is_told() -> None:
    assert "There is no crash point 'writen'." in passes(**{VARIABLE: "writen"}).stderr
    assert "'halt' is no way to end at a crash point." in passes(**{VARIABLE: "written:3:halt"}).stderr
