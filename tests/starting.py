"""Starting the real commands as an operator does, and what each of them said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Those that run an instance; all must say the same of what is wrong.
COMMANDS = ("setup", "serve", "worker")
#: Longest that one may take to refuse, in seconds, on a busy machine.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def run_commands(*commands: str, environ: Mapping[str, str], folder: Path | None = None) -> dict[str, Answer]:
    """Run commands at the same time, in an environment that has no other setting, and return how each ended."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FINGERPOST_")}
    started = {
        command: subprocess.Popen(
            [sys.executable, "-c", "from campaigns.cli import main; main()", *command.split()],
            env=bare | dict(environ),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for command in commands
    }
    return {command: _answer(process) for command, process in started.items()}


def _answer(process: subprocess.Popen[str]) -> Answer:
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        # It started, which is the answer.
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
    return Answer(process.returncode, out, err)
