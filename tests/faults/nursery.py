"""Processes that need not import everything anew: each is forked from one that did so once.

To load a worker takes longer than most of what the faults do with it. Each line of the input is a command, and
each line of the output its answer: {"start": "module:function", "arguments": [], "environ": {}, "log": path} gives
the id of a process, {"poll": id} its exit code, or null while it runs.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

#: What the processes need; imported before they are forked.
LOADED = ("campaigns.cli", "campaigns.worker", "campaigns.gateways.twilio.kind", "tests.delivery.sending")


class Child:
    """A process of the nursery, with what a `Popen` has for it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal, or None while it runs."""
        if self._code is None:
            self._code = _nursery().ask({"poll": self.pid})
        return self._code

    def wait(self, seconds: float = 20.0) -> int:
        """Return its exit code once it has ended; raise TimeoutExpired when that takes longer."""
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("fingerpost", seconds)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        # Only the nursery may let go of the id, and it is asked first.
        if self.poll() is None:
            os.kill(self.pid, number)


def start(entry: str, *arguments: str, environ: Mapping[str, str], log: Path) -> Child:
    """Start a function as a process of its own, with these variables beside ours; what it says goes to `log`.

    `entry` names it as an entry point does, `arguments` are those of its command line.
    """
    command = {"start": entry, "arguments": arguments, "environ": dict(environ), "log": str(log)}
    return Child(_nursery().ask(command))


class _Nursery:
    """Speaks with the process that forks."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.nursery"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._turn = threading.Lock()

    def ask(self, command: dict[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        with self._turn:
            stdin.write(json.dumps(command) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())

    def close(self) -> None:
        # Its input ends, and so does it.
        self._process.communicate(timeout=10)


@cache
def _nursery() -> _Nursery:
    nursery = _Nursery()
    atexit.register(nursery.close)
    return nursery


def _serve() -> None:
    for module in LOADED:
        import_module(module)
    children: dict[int, int | None] = {}
    for line in sys.stdin:
        command = json.loads(line)
        if "poll" in command:
            pid = command["poll"]
            if children[pid] is None:
                ended, status = os.waitpid(pid, os.WNOHANG)
                children[pid] = os.waitstatus_to_exitcode(status) if ended else None
            answer = children[pid]
        else:
            answer = os.fork() or _become(command)
            children[answer] = None
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _become(command: dict[str, Any]) -> int:
    """Run the command in this process, and do not return."""
    module, _, function = command["start"].partition(":")
    log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, file in enumerate((nothing, log, log)):
        os.dup2(file, stream)
    os.environ.update(command["environ"])
    sys.argv = [module, *command["arguments"]]
    getattr(import_module(module), function)()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _serve()
