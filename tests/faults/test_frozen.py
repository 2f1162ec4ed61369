"""A worker is frozen in the midst of its work and wakes much later: it calls nobody a second time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState
from campaigns.planning.runs.firing import ask_to_resume, resume_run
from campaigns.staff.models import Organisation, Role
from tests.factories import a_member
from tests.faults.scene import Scene, WorkerProcess, until
from tests.sandbox.process import SandboxProcess

pytestmark = pytest.mark.long

#: Workers that are frozen and those that stay awake, how often, for how long, messages each time, and their pace.
#: Three times at least, because after a short sleep the fence may be fresh again before the first call asks it.
ORDINARY = pytest.param(1, 0, 3, 3.0, 80, 40.0, id="ordinary")
#: Frozen again until the fence refused a call, but no more often than this.
MOST_TIMES = 9
#: So long that those awake have reaped what the others left, asked the provider twice, and sent it again.
HEAVY = pytest.param(10, 1, 2, 66.0, 160, 10.0, id="heavy", marks=pytest.mark.slow)


@pytest.mark.parametrize(("sleepers", "awake", "times", "seconds", "each", "pace"), [ORDINARY, HEAVY])
def test_frozen_workers_repeat_nobody(
    scene: Scene,
    found: Callable[..., None],
    sleepers: int,
    awake: int,
    times: int,
    seconds: float,
    each: int,
    pace: float,
) -> None:
    scene.expect(MOST_TIMES * (sleepers + awake))
    workers = [scene.start_worker() for _ in range(sleepers + awake)]
    runs: list[int] = []

    def refusals() -> int:
        return sum(worker.said("fence closed") for worker in workers)

    while len(runs) < times * len(workers) or (not refusals() and len(runs) < MOST_TIMES * len(workers)):
        # Each worker of a cluster has lanes of its own.
        runs += [
            scene.plan(each, pace=pace, prefix=f"+380{len(runs) + number + 10:02}")
            for number in range(len(workers))
        ]
        freeze_and_thaw(scene, workers[:sleepers], seconds)

    def is_over() -> bool:
        resume_all(scene)
        return scene.is_over(*runs)

    scene.wait(is_over, seconds=90)
    assert refusals() > 0
    freezes = sleepers * len(runs) // len(workers)
    found(freezes=freezes, refusals=refusals(), **scene.compare(each * len(runs)))


def test_worker_frozen_between_fence_and_first_byte_reaches_nobody(
    engine: Engine, tmp_path: Path, found: Callable[..., None]
) -> None:
    """It writes when it wakes, for a person whom others wrote to meanwhile; the provider has closed by then."""
    with SandboxProcess("--idle-seconds", "1") as sandbox, Scene(engine, sandbox, tmp_path) as scene:
        sandbox.fixture(suffixes=False)
        run_id = scene.plan(10, pace=10.0)
        sleeper = scene.start_worker(crash_at="fenced:10:stop")
        until(sleeper.is_frozen, what="the fence of the last call")
        scene.start_worker()
        scene.reap()
        until(lambda: not scene.states()[SendState.UNKNOWN], what="a second call for what the provider never had")
        sleeper.thaw()
        scene.until_over(run_id)
        found(**scene.compare(10))


def freeze_and_thaw(scene: Scene, workers: list[WorkerProcess], seconds: float) -> None:
    """Freeze the workers one soon after the other, while messages go out, and wake them after so many seconds."""
    before = scene.sent()
    until(lambda: scene.sent() > before + 10 * len(workers), what="some messages")
    for worker in workers:
        worker.freeze()
        time.sleep(random.Random(seconds).uniform(0, 0.05))
    time.sleep(seconds)
    for worker in workers:
        worker.thaw()


def resume_all(scene: Scene) -> None:
    """Let runs go on that paused by themselves, as two members do: calls slept over count as failures."""
    with scene.sessions.begin() as session:
        for run in session.scalars(select(Run).where(Run.state == RunState.PAUSED)):
            organisation = session.get_one(Organisation, run.organisation_id)
            one, other = (a_member(session, organisation, Role.APPROVER).id for _ in range(2))
            ask_to_resume(session, run, by=one)
            resume_run(session, run, by=other)
