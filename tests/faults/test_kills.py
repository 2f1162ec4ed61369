"""Kill -9 a worker at random, again and again: nobody twice, nobody lost, everything final."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from campaigns.delivery.repair.reconcile import reap
from tests.faults.scene import Scene, until

pytestmark = pytest.mark.long

#: Kills, messages for each, and whether the living wait until a worker's own reaper settles what the dead left.
ORDINARY = pytest.param(2, 100, False, id="ordinary")
HEAVY = pytest.param(50, 400, True, id="heavy", marks=pytest.mark.slow)


@pytest.mark.parametrize(("kills", "each", "is_patient"), [ORDINARY, HEAVY])
def test_killed_workers_lose_and_repeat_nobody(
    scene: Scene, found: Callable[..., None], kills: int, each: int, is_patient: bool
) -> None:
    chance, count = random.Random(kills), kills * each
    # So slow that a worker is killed in the midst of it.
    run_id = scene.plan(count, pace=float(each))
    for _ in range(kills):
        before, worker = scene.sent(), scene.start_worker()
        until(lambda before=before: scene.sent() > before, what="a message")  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.3))
        worker.kill()
        scene.bury()
    doubtful = scene.states()["sending"]
    assert doubtful > 0
    if not is_patient:
        # Nobody is alive who could be taken for dead.
        with scene.sessions.begin() as session:
            reap(session, reap_after=timedelta(0))
    scene.work(lambda: scene.is_over(run_id))
    found(kills=kills, doubtful=doubtful, **scene.compare(count))
