"""A SQLite database that was put back from a copy in the middle of a run writes to nobody by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from campaigns.continuity.latch import find_latched
from campaigns.core.database import make_engine
from campaigns.core.settings import load_settings
from campaigns.restoring.command import resume_after_restore
from campaigns.schema import metadata
from tests.continuity.restoring import (
    back_up,
    calls_before_release,
    copy_files,
    finished,
    put_back,
    resume,
    write_over,
    written_to_twice,
)
from tests.faults.scene import Scene
from tests.sandbox.process import SandboxProcess

PEOPLE = 120


@pytest.fixture
def scene(sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Scene]:
    engine = make_engine(f"sqlite:///{tmp_path / 'fingerpost.db'}")
    metadata.create_all(engine)
    with Scene(engine, sandbox, tmp_path) as scene:
        yield scene
    engine.dispose()


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    folder.mkdir()
    return folder


def send_with_backup(scene: Scene, take: Callable[[], None], *, most: int = PEOPLE) -> int:
    """Send a run, with a backup after a third, until so many messages are sent; return the run's id."""
    run_id = scene.plan(PEOPLE, pace=100.0)
    scene.work(lambda: scene.sent() >= PEOPLE // 3)
    take()
    scene.work(finished(scene, run_id) if most == PEOPLE else lambda: scene.sent() >= most)
    scene.engine.dispose()
    return run_id


@pytest.mark.parametrize("take", [copy_files, back_up])
@pytest.mark.parametrize("give", [put_back, write_over])
def test_restored_file_writes_to_nobody_twice(
    take: Callable[[Path, Path], None],
    give: Callable[[Path, Path], None],
    scene: Scene,
    backup: Path,
    tmp_path: Path,
) -> None:
    database = tmp_path / "fingerpost.db"
    run_id = send_with_backup(scene, lambda: take(database, backup), most=PEOPLE * 2 // 3)
    give(backup, database)
    assert calls_before_release(scene) == 0
    said = resume(scene)
    assert said[-1] == "This instance may send again."
    scene.work(finished(scene, run_id))
    assert written_to_twice(scene) == 0
    assert scene.sent() == PEOPLE


def test_nothing_is_released_without_a_yes(scene: Scene, backup: Path, tmp_path: Path) -> None:
    database = tmp_path / "fingerpost.db"
    send_with_backup(scene, lambda: back_up(database, backup))
    put_back(backup, database)
    calls_before_release(scene, seconds=1)
    told = list(resume_after_restore(load_settings(scene.environment), is_list_needed=True, confirm=lambda: False))
    assert told[-1] == "Nothing was changed."
    with scene.sessions() as session:
        assert find_latched(session) is not None


def test_restart_after_a_kill_goes_on_by_itself(scene: Scene) -> None:
    run_id = scene.plan(PEOPLE, pace=100.0)
    worker = scene.start_worker()
    scene.wait(lambda: scene.sent() >= PEOPLE // 3)
    worker.kill()
    scene.start_worker()
    scene.settle(run_id)
    assert scene.compare(PEOPLE)["doubles"] == 0
