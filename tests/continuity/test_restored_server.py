"""A PostgreSQL database that was taken back in the middle of a run writes to nobody by itself or twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from campaigns.continuity.models import LatchReason
from campaigns.core.database import make_engine
from campaigns.schema import metadata
from tests.continuity.drills import be_away, join_late, take_back
from tests.continuity.test_restored_file import PACE, PEOPLE, check
from tests.continuity.ways import dump, files_of_server, point_in_time
from tests.faults.scene import Scene
from tests.postgres import PostgresServer
from tests.sandbox.process import SandboxProcess

pytestmark = pytest.mark.long


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server whose files may be exchanged, and recovered to a point in time."""
    with PostgresServer(archives=True) as server:
        if not server.can_restart:
            pytest.skip("the server is not ours to restart")
        yield server


@contextmanager
def a_scene(server: PostgresServer, sandbox: SandboxProcess, folder: Path) -> Iterator[Scene]:
    engine = make_engine(server.create_database())
    metadata.create_all(engine)
    try:
        with Scene(engine, sandbox, folder) as scene:
            yield scene
    finally:
        # A connection that is only forgotten fails whichever test comes later.
        engine.dispose()


def test_dump_in_another_database_writes_to_nobody_twice(
    postgres: PostgresServer, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    with a_scene(postgres, sandbox, tmp_path) as scene:
        take, give = dump(scene, postgres)
        figures = take_back(scene, people=PEOPLE, pace=PACE, take=take, give=give)
    assert figures.latched == LatchReason.MOVED
    check(figures)


@pytest.mark.slow
def test_dump_on_another_server_writes_to_nobody_twice(
    postgres: PostgresServer, server: PostgresServer, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    with a_scene(postgres, sandbox, tmp_path) as scene:
        take, give = dump(scene, server)
        figures = take_back(scene, people=PEOPLE, pace=PACE, take=take, give=give)
    assert figures.latched == LatchReason.MOVED
    check(figures)


@pytest.mark.slow
def test_server_recovered_to_a_point_in_time_writes_to_nobody_twice(
    server: PostgresServer, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    with a_scene(server, sandbox, tmp_path) as scene:
        take, give = point_in_time(scene, server)
        figures = take_back(scene, people=PEOPLE, pace=PACE, take=take, give=give)
    assert figures.latched == LatchReason.MOVED
    check(figures)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("with_marks", "reason"),
    [(False, LatchReason.BEHIND), (True, LatchReason.LISTED)],
    ids=["alone", "with marks"],
)
def test_files_of_a_server_put_back_write_to_nobody_twice(
    with_marks: bool, reason: LatchReason, server: PostgresServer, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    with a_scene(server, sandbox, tmp_path) as scene:
        take, give = files_of_server(scene, server, with_marks=with_marks)
        figures = take_back(scene, people=PEOPLE, pace=PACE, take=take, give=give)
    assert figures.latched == reason
    check(figures)


def test_machine_that_joins_a_living_cluster_is_recognised(
    postgres: PostgresServer, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    with a_scene(postgres, sandbox, tmp_path) as scene:
        figures = join_late(scene, people=PEOPLE, pace=PACE / 4)
    assert figures.latched is None
    check(figures)


@pytest.mark.slow
def test_outage_of_an_hour_goes_on_by_itself(
    postgres: PostgresServer, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    with a_scene(postgres, sandbox, tmp_path) as scene:
        figures = be_away(scene, people=PEOPLE, pace=PACE)
    assert figures.latched is None
    check(figures)
