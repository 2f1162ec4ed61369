"""The web server as a real process on a database that has its tables."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from sqlalchemy import Engine

from tests.web.pages import KEYS

#: Longest a server may take to answer its first request, in seconds.
PATIENCE = 120.0


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """Runs a command that serves on `port` in a process group of its own, and ends it on leaving."""

    def __init__(self, command: list[str], *, port: int, environ: dict[str, str]) -> None:
        self.port = port
        self._process = subprocess.Popen(command, env=os.environ | environ, start_new_session=True)

    def __enter__(self) -> ServerProcess:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        self.kill()
        raise RuntimeError("The server does not start.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def pid(self) -> int:
        """The process that was started; those that answer are its children."""
        return self._process.pid

    def kill(self) -> None:
        """Kill all its processes at once (SIGKILL)."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def peak_megabytes(self) -> float:
        """Return the largest resident memory that any of its processes had so far, in MB."""
        return max(_peak_kilobytes(pid) for pid in (self._process.pid, *children_of(self._process.pid))) / 1024


def instance_environment(engine: Engine, **changes: str) -> dict[str, str]:
    """Return the variables of a demo instance on `engine`'s database; `changes` are settings."""
    values = {
        "mode": "demo",
        "host": "127.0.0.1",
        # One port is enough, and another test may have that of the default.
        "hooks_port": "0",
        "database_url": engine.url.render_as_string(hide_password=False),
        **changes,
    }
    return KEYS | {f"FINGERPOST_{name.upper()}": value for name, value in values.items()}


def serve_instance(engine: Engine, *arguments: str, **changes: str) -> ServerProcess:
    """Start `fingerpost serve` of a demo instance; `arguments` are its options, `changes` its settings."""
    port = free_port()
    environ = instance_environment(engine, **{"port": str(port), **changes})
    command = [sys.executable, "-c", "from campaigns.cli import main; main()", "serve", *arguments]
    return ServerProcess(command, port=port, environ=environ)


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes that any thread of a process started; one that ended has none."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, children.read_text(encoding="ascii").split())
    return found


def _peak_kilobytes(pid: int) -> int:
    with Path(f"/proc/{pid}/status").open(encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
