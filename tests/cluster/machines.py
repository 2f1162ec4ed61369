"""A cluster for a test: workers as real processes, some of them behind a wire to the database."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Engine, select, text

from campaigns.delivery.models import Delivery
from tests.faults.scene import FINGERPOST, Scene, WorkerProcess

#: What a worker says when it joins.
_JOINED = re.compile(r"this worker is number (\d+) of its cluster")


class Machine(WorkerProcess):
    """A worker that reaches the database at an address of its own; `inside` is the command of its namespace."""

    def __init__(self, scene: Scene, database: str = "", *, inside: Sequence[str] = ()) -> None:
        self.log: Path = scene.folder / f"machine-{len(scene.workers)}.log"
        environment = scene.environment | ({"FINGERPOST_DATABASE_URL": database} if database else {})
        if inside:
            self._process = _start_inside(inside, environment, self.log)
        else:
            super().__init__(environment, self.log)
        scene.workers.append(self)

    def numbers(self) -> list[int]:
        """Return the numbers it had in its cluster, the present one last."""
        # A process opens its log a moment after it was begun.
        told = self.log.read_text(encoding="utf-8") if self.log.exists() else ""
        return [int(number) for number in _JOINED.findall(told)]


def _start_inside(inside: Sequence[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a worker by a command that takes it into its namespace."""
    with log.open("wb") as words:
        command = [*inside, *FINGERPOST, "worker"]
        return subprocess.Popen(command, env=os.environ | environment, stdout=words, stderr=subprocess.STDOUT)


def database_socket(engine: Engine) -> str:
    """Return where the server of an engine listens: the path of a socket, or `host:port`."""
    with engine.connect() as connection:
        info = connection.connection.driver_connection.info  # type: ignore[union-attr]
    return f"{info.host}/.s.PGSQL.{info.port}" if info.host.startswith("/") else f"{info.host}:{info.port}"


def database_at(engine: Engine, address: str) -> str:
    """Return the address of an engine's database with another host and port."""
    host, _, port = address.rpartition(":")
    return engine.url.set(host=host, port=int(port), query={}).render_as_string(hide_password=False)


def holders(engine: Engine) -> dict[int, int]:
    """Return the number of the worker that serves each sender."""
    query = text(
        "SELECT CAST(args ->> 'sender_id' AS int), worker_id FROM procrastinate_jobs WHERE status = 'doing'"
    )
    with engine.connect() as connection:
        return {sender: worker for sender, worker in connection.execute(query) if worker is not None}


def times_by_sender(scene: Scene) -> dict[int, list[float]]:
    """Return when the provider accepted the messages of each sender, in seconds."""
    with scene.sessions() as session:
        sender_of = dict(session.execute(select(Delivery.reference, Delivery.sender_id)).all())
    times: defaultdict[int, list[float]] = defaultdict(list)
    for message in scene.sandbox.whole_truth():
        times[sender_of[message["intent"]]].append(message["accepted_at"])
    return {sender: sorted(moments) for sender, moments in times.items()}


def longest_pause(moments: list[float]) -> float:
    """Return the longest time between two that follow each other."""
    return max(after - before for before, after in pairwise(moments))


def most_within(moments: list[float], seconds: float) -> int:
    """Return the highest number of moments in any time of so many seconds."""
    most, first = 0, 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
