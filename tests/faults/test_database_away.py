"""The database goes away in the midst of a run, or forgets who serves what: no call without a committed intent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text

from campaigns.core.database import make_engine
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.repair.reconcile import REAPED
from campaigns.schema import metadata
from tests.faults.scene import Scene, until
from tests.postgres import PostgresServer
from tests.sandbox.process import SandboxProcess

pytestmark = pytest.mark.long

#: How long the server is away: the fence closes within two seconds, so the last of them are silent.
AWAY = 4.0
#: Sending must go on within so many seconds.
AT_MOST = 30.0
#: Messages for each time.
EACH = 250
ONCE = pytest.param(1, id="ordinary")
THRICE = pytest.param(3, id="heavy", marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that waits for its disk, as one that is to be restarted must."""
    with PostgresServer(durable=True) as server:
        if not server.can_restart:
            pytest.skip("this PostgreSQL is not ours to restart")
        yield server


@pytest.mark.parametrize("times", [ONCE, THRICE])
def test_restarted_server_costs_nobody(
    own_server: PostgresServer, sandbox: SandboxProcess, tmp_path: Path, found: Callable[..., None], times: int
) -> None:
    """PostgreSQL dies as in a power cut, is away for longer than the fence is patient, and comes back."""
    engine = make_engine(own_server.create_database())
    metadata.create_all(engine)
    with Scene(engine, sandbox, tmp_path) as scene:
        run_id = scene.plan(EACH * times, pace=100.0)
        worker = scene.start_worker()
        for _ in range(times):
            until_sending(scene)
            own_server.stop()
            time.sleep(3.0)
            silent = scene.sent()
            time.sleep(AWAY - 3.0)
            assert scene.sent() == silent
            own_server.start()
            until_sending(scene)
        scene.until_over(run_id)
        assert worker.is_alive()
        silence = longest_silence(scene)
        assert silence < AWAY + AT_MOST
        found(restarts=times, longest_silence=silence, **scene.compare(EACH * times))
    engine.dispose()


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        pytest.param(1, 2.0, id="ordinary"),
        # Longer than SQLite waits for its turn.
        pytest.param(3, 35.0, id="heavy", marks=pytest.mark.slow),
    ],
)
def test_locked_file_costs_nobody(
    sqlite: Engine, sandbox: SandboxProcess, tmp_path: Path, found: Callable[..., None], times: int, seconds: float
) -> None:
    """Somebody else holds SQLite's one lock for writing."""
    with Scene(sqlite, sandbox, tmp_path) as scene:
        run_id = scene.plan(EACH * times, pace=100.0)
        worker = scene.start_worker()
        for _ in range(times):
            until_sending(scene)
            with sqlite.begin():
                time.sleep(seconds)
            until_sending(scene)
        scene.until_over(run_id)
        assert worker.is_alive()
        silence = longest_silence(scene)
        assert silence < seconds + AT_MOST
        found(locks=times, longest_silence=silence, **scene.compare(EACH * times))


@pytest.mark.parametrize("times", [ONCE, THRICE])
def test_deleted_jobs_are_enqueued_again(
    postgres_alone: Engine,
    sandbox: SandboxProcess,
    tmp_path: Path,
    found: Callable[..., None],
    times: int,
) -> None:
    """Somebody empties the broker: the rows know better, and lanes are enqueued anew."""
    with Scene(postgres_alone, sandbox, tmp_path) as scene:
        run_id = scene.plan(EACH * times, pace=100.0)
        scene.start_worker()
        for _ in range(times):
            until_sending(scene)
            with postgres_alone.begin() as connection:
                connection.execute(text("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE"))
            until_sending(scene)
        scene.until_over(run_id)
        silence = longest_silence(scene)
        assert silence < AT_MOST
        found(deletions=times, longest_silence=silence, **scene.compare(EACH * times))


def until_sending(scene: Scene) -> None:
    """Return when more than what was on its way has been sent."""
    before = scene.sent()
    until(lambda: scene.sent() > before + 40, what="sending")


def longest_silence(scene: Scene) -> float:
    """Return the longest time in which the provider accepted nothing, in seconds.

    What was claimed by a commit that nobody learned of does not count: it waits for the reaper, and follows long
    after everything else.
    """
    with scene.sessions() as session:
        was_reaped = select(Attempt.delivery_id).where(Attempt.outcome == REAPED)
        late = set(session.scalars(select(Delivery.reference).where(Delivery.id.in_(was_reaped))))
    messages = [message for message in scene.sandbox.whole_truth() if message["intent"] not in late]
    moments = sorted(message["accepted_at"] for message in messages)
    gaps: list[float] = [after - before for before, after in pairwise(moments)]
    return max(gaps)
