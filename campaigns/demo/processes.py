"""The parts of an instance run as processes of their own, started and ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import requests

from campaigns.core.errors import UnavailableError

#: How long a part may take to answer, and to end when told, in seconds.
START_SECONDS = 60
STOP_SECONDS = 20


def surroundings() -> dict[str, str]:
    """Return this process's environment without the settings of any instance, as of a live one beside."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FINGERPOST_")}


class Processes:
    """Starts `fingerpost …` commands; leaving the block ends them all, the last started first."""

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        self._environment = surroundings() | dict(environment)
        self._logs = logs
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Processes:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, process in reversed(self._running):
            process.send_signal(signal.SIGTERM)
        for _, process in reversed(self._running):
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, *arguments: str) -> int:
        """Start `fingerpost <arguments>` and return its process id.

        What it says goes to a log file named after `name`.
        """
        with (self._logs / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", "campaigns.cli", *arguments]
            # A session of its own: Ctrl-C reaches this process alone, which then ends the parts in order.
            process = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._running.append((name, process))
        return process.pid

    def check(self) -> None:
        """Raise UnavailableError naming the first part that has ended by itself, with its last words."""
        for name, process in self._running:
            if process.poll() is not None:
                words = (self._logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip()
                last = words.splitlines()[-1] if words else "it said nothing"
                raise UnavailableError(f"The {name} ended with code {process.returncode}: {last}")

    def wait_for(self, url: str) -> None:
        """Return when `url` answers. Raises UnavailableError when it does not within START_SECONDS."""
        deadline = time.monotonic() + START_SECONDS
        asker = requests.Session()
        # A proxy of the environment would be asked for loopback, too.
        asker.trust_env = False
        while time.monotonic() < deadline:
            self.check()
            try:
                if asker.get(url, timeout=5).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise UnavailableError(f"{url} did not answer within {START_SECONDS} seconds.")


def free_port(preferred: int) -> int:
    """Return `preferred` when nothing listens there on loopback, else any free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UnavailableError("No port is free on this machine.")
