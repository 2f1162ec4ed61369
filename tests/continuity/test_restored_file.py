"""A SQLite database that was taken back in the middle of a run writes to nobody by itself, and to nobody twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select

from campaigns.audience.models import Channel, SuppressedAddress
from campaigns.cli import main
from campaigns.continuity.journal import Journal, Said
from campaigns.continuity.latch import find_latched, latch
from campaigns.continuity.models import LatchReason
from campaigns.core.database import make_engine, make_sessions
from campaigns.core.settings import load_settings
from campaigns.example.service import Names, add_example
from campaigns.places.service import load_regions
from campaigns.restoring.command import resume_after_restore
from campaigns.schema import metadata
from campaigns.staff.models import Role
from tests.continuity.drills import Drill, Figures, be_away, take_back
from tests.continuity.ways import Way, back_up, copy_files, snapshot_of_machine, write_over
from tests.factories import a_member, an_organisation
from tests.faults.scene import Scene
from tests.sandbox.process import SandboxProcess
from tests.web.pages import KEYS

PEOPLE, PACE = 240, 80.0


@pytest.fixture
def scene(sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Scene]:
    engine = make_engine(f"sqlite:///{tmp_path / 'fingerpost.db'}")
    metadata.create_all(engine)
    with Scene(engine, sandbox, tmp_path) as scene:
        yield scene
    engine.dispose()


def check(figures: Figures) -> None:
    assert figures.calls_before_release == 0
    assert (figures.written_to_twice, figures.lost, figures.unknown) == (0, 0, 0)
    assert figures.stops_broken == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("way", "reasons"),
    [
        (copy_files, {LatchReason.MOVED, LatchReason.BEHIND}),
        (back_up, {LatchReason.MOVED, LatchReason.BEHIND}),
        (write_over, {LatchReason.BEHIND}),
        (snapshot_of_machine, {LatchReason.LISTED}),
    ],
)
def test_file_that_was_taken_back_writes_to_nobody_twice(
    way: Callable[[Scene], Way], reasons: set[LatchReason], scene: Scene
) -> None:
    take, give = way(scene)
    figures = take_back(scene, people=PEOPLE, pace=PACE, take=take, give=give)
    assert figures.latched in reasons
    assert figures.stops > 0
    check(figures)


@pytest.mark.long
def test_outage_of_an_hour_goes_on_by_itself(scene: Scene) -> None:
    figures = be_away(scene, people=PEOPLE, pace=PACE)
    assert figures.latched is None
    check(figures)


@pytest.mark.long
def test_nothing_is_released_without_a_yes(scene: Scene) -> None:
    drill = Drill(scene, PEOPLE, PACE)
    drill.send(1 / 3)
    take, give = write_over(scene)
    take()
    drill.send(1 / 2)
    give()
    assert drill.watch() == (0, LatchReason.BEHIND)
    settings = load_settings(scene.environment)
    told = list(resume_after_restore(settings, is_list_needed=True, confirm=lambda: False))
    assert told[-1] == "Nothing was changed."
    with scene.sessions() as session:
        assert find_latched(session) is not None


def test_journals_are_done_again_where_nothing_is_latched(scene: Scene, tmp_path: Path) -> None:
    """A machine's snapshot takes database, mark and journal back together; another machine's journal is left."""
    Journal(tmp_path / "other").note(Said.STOP, {(b"n" * 32, Channel.SMS)})
    settings, journals = load_settings(scene.environment), [*tmp_path.glob("other-*.jsonl")]
    for answer, known in ((False, []), (True, [b"n" * 32])):
        confirm = partial(bool, answer)
        told = list(resume_after_restore(settings, journals=journals, is_list_needed=True, confirm=confirm))
        assert told[0] == "This instance is not latched: nothing has to be released."
        with scene.sessions() as session:
            assert session.scalars(select(SuppressedAddress.lookup)).all() == known


def test_lists_are_read_when_the_last_calls_must_be_in_them(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider may still be taking in what was called just before the copy was latched."""
    waited: list[float] = []
    monkeypatch.setattr("campaigns.restoring.command.time.sleep", waited.append)
    with scene.sessions.begin() as session:
        latch(session, LatchReason.LISTED)
    settings = load_settings(scene.environment)
    said = list(resume_after_restore(settings, is_list_needed=True, confirm=lambda: True))
    assert any(line.startswith("Waiting until") for line in said)
    assert 150 < max(waited) <= 165
    assert said[-1] == "This instance may send again."


def test_example_keeps_no_instance_from_sending_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider knows its number: neither what came there nor what went from it is in any list."""
    monkeypatch.setattr("campaigns.restoring.command.time.sleep", lambda seconds: None)
    names = Names("Message", "Correction", "Audience", "Sender", "Campaign")
    with scene.sessions.begin() as session:
        load_regions(session)
        ours = an_organisation(session)
        add_example(session, ours, names=names, by=a_member(session, ours, Role.AUTHOR).id)
        latch(session, LatchReason.LISTED)
    settings = load_settings(scene.environment)
    said = list(resume_after_restore(settings, is_list_needed=True, confirm=lambda: True))
    assert said[-1] == "This instance may send again."


def many_organisations(engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        for _ in range(300):
            an_organisation(session)


def test_backup_beside_the_log_of_the_file_before_is_not_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite plays the old log into it: pages of two states are one file then, and no error says so."""
    engine, restored = make_engine(f"sqlite:///{tmp_path / 'before.db'}"), tmp_path / "fingerpost.db"
    metadata.create_all(engine)
    many_organisations(engine)
    with engine.execution_options(is_single=True).connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("VACUUM INTO ?", (str(restored),))
    many_organisations(engine)
    restored.with_name("fingerpost.db-wal").write_bytes((tmp_path / "before.db-wal").read_bytes())
    engine.dispose()
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", f"sqlite:///{restored}")
    answer = CliRunner().invoke(main, ["resume-after-restore", "--yes"])
    assert (answer.exit_code, answer.output.count("\n")) == (2, 1)
    assert f"The database at {restored} is damaged" in answer.output
