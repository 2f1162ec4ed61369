"""Starting our commands as processes, forked from one that has loaded the program, instead of loading it for each.

To load it takes longer than most of what a test does with it, and a command reads its settings only once it
begins. Each line of the input of the nursery, the process that forks, is a command, and each line of its output
the answer: {"start": "module:function", "arguments": [], "environ": {}, "folder": path, "out": path, "err": path}
gives the id of a process, {"poll": id} its exit code, or null while it runs.
"""

from __future__ import annotations

import atexit
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy.orm import configure_mappers

#: Those that run an instance; all must say the same of what is wrong.
COMMANDS = ("setup", "serve", "worker")
#: What the processes need; imported before they are forked.
LOADED = (
    "campaigns.cli",
    "campaigns.worker",
    "campaigns.serving",
    "campaigns.readiness.setting_up",
    "campaigns.gateways.twilio.kind",
    "campaigns.places.files.incoming",
    "campaigns.reach.imported.reading",
    "campaigns.directory.exchange.hsds",
    "campaigns.audience.files.contact_reader",
    "campaigns.messages.translators.po_file",
    "tests.delivery.sending",
    "tests.reading",
)
#: Longest that a command may take to refuse, in seconds, on a busy machine.
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


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

    def end(self) -> None:
        """Kill it, if it still runs, and let go of it."""
        self.send_signal(signal.SIGKILL)
        self.wait()

    def send_signal(self, number: int) -> None:
        # Only the nursery may let go of the id, and it is asked first.
        if self.poll() is None:
            os.kill(self.pid, number)


def start(
    entry: str,
    *arguments: str,
    environ: Mapping[str, str],
    log: Path,
    errors: Path | None = None,
    folder: Path | None = None,
) -> Child:
    """Start a function as a process and session of its own; these variables are the only settings that it has.

    `entry` names it as an entry point does, `arguments` are those of its command line. What it says goes to `log`;
    what it says on standard error, too, unless that has a file of its own.
    """
    command = {
        "start": entry,
        "arguments": arguments,
        "environ": without_settings() | dict(environ),
        "folder": str(folder or Path.cwd()),
        "out": str(log),
        "err": str(errors or log),
    }
    return Child(_nursery().ask(command))


def run_commands(*commands: str, environ: Mapping[str, str]) -> dict[str, Answer]:
    """Run commands at the same time, with these variables as their only settings, and return how each ended."""
    with tempfile.TemporaryDirectory() as folder:
        started = {}
        for number, command in enumerate(commands):
            out, err = (Path(folder) / f"{stream}-{number}" for stream in ("out", "err"))
            child = start("campaigns.cli:main", *command.split(), environ=environ, log=out, errors=err)
            started[command] = child, out, err
        return {command: _answer(*each) for command, each in started.items()}


def _answer(child: Child, out: Path, err: Path) -> Answer:
    try:
        code = child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        # It started, which is the answer.
        os.killpg(child.pid, signal.SIGKILL)
        code = child.wait()
    return Answer(code, out.read_text(), err.read_text())


def without_settings() -> dict[str, str]:
    """Return our environment without what an instance is set by."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FINGERPOST_")}


class _Nursery:
    """Speaks with the process that forks."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.starting"]
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
    configure_mappers()
    # A collector that looks through what was loaded would copy it for each child.
    gc.freeze()
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
    os.setsid()
    os.chdir(command["folder"])
    streams = [os.open(os.devnull, os.O_RDONLY)]
    streams += [
        os.open(command[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        for name in ("out", "err")
    ]
    for stream, file in enumerate(streams):
        os.dup2(file, stream)
        os.close(file)
    os.environ.clear()
    os.environ.update(command["environ"])
    module, _, function = command["start"].partition(":")
    sys.argv = [module, *command["arguments"]]
    code = 0
    try:
        getattr(import_module(module), function)()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # To take down all that was loaded takes longer than most commands.
    os._exit(code)


if __name__ == "__main__":
    _serve()
