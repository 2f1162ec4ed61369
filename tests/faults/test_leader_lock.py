"""Two workers of one SQLite file: one sends, at its senders' pace, and when it is killed the other goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.cluster.machines import longest_pause, most_within, times_by_sender
from tests.faults.scene import Scene, until
from tests.sandbox.process import SandboxProcess

pytestmark = pytest.mark.long

PACE = 40.0
#: Time in which the pace is measured, in seconds.
WITHIN = 2.0
#: What a worker says that does not send, and when it does.
WAITS, SENDS = "takes over when it ends", "this one sends now"


@pytest.mark.parametrize("deaths", [1, pytest.param(20, marks=pytest.mark.slow)], ids=["ordinary", "heavy"])
def test_next_worker_goes_on_when_the_first_dies(
    sqlite: Engine, sandbox: SandboxProcess, tmp_path: Path, found: Callable[..., None], deaths: int
) -> None:
    count = 100 * (deaths + 1)
    with Scene(sqlite, sandbox, tmp_path) as scene:
        workers = [scene.start_worker() for _ in range(2)]
        until(lambda: sum(worker.said(WAITS) for worker in workers) == 1, what="a worker that waits")
        run_id = scene.plan(count, pace=PACE)
        holder, heir = sorted(workers, key=lambda worker: worker.said(WAITS))
        for _ in range(deaths):
            before = scene.sent()
            until(lambda before=before: scene.sent() > before + 40, what="some messages")  # type: ignore[misc]
            holder.kill()
            until(lambda heir=heir: heir.said(SENDS) == 1, what="the change of hands")  # type: ignore[misc]
            holder, heir = heir, scene.start_worker()
        scene.settle(run_id)
        [moments] = times_by_sender(scene).values()
        # With some room for what a busy machine lets through at once; two at a time would send twice the pace.
        assert most_within(moments, WITHIN) < 1.5 * WITHIN * PACE
        found(deaths=deaths, longest_pause=longest_pause(moments), **scene.compare(count))
