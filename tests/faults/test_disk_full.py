"""The disk is full in the midst of a run: nothing is half written, nobody is written to twice, and it goes on."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from campaigns.audience.files.import_report import Report
from campaigns.audience.models import Contact
from campaigns.audience.service import import_file
from campaigns.core.database import make_engine, single_statements
from campaigns.core.errors import UnavailableError
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.child_limits import USUAL
from campaigns.core.limited.parent import read_apart
from campaigns.core.settings import load_settings
from campaigns.planning.models import Run, RunState
from campaigns.schema import metadata
from tests.factories import an_organisation
from tests.faults.scene import Scene, until
from tests.postgres import PostgresServer
from tests.sandbox.process import SandboxProcess

#: Enough for a server and its tables.
DISK_MEGABYTES = 192
#: What SQLite and PostgreSQL say.
FULL = ("disk is full", "No space left on device")
BALLAST = "ballast"
MOUNT, UMOUNT = shutil.which("mount") or "mount", shutil.which("umount") or "umount"
#: Bytes that are left: too few for the second run.
LEFT = 128 * 1024


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk of its own, where the machine lets us have one."""
    folder = Path(tempfile.mkdtemp(prefix="fingerpost-disk-"))
    mounting = [MOUNT, "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m", "tmpfs", str(folder)]
    try:
        is_mounted = subprocess.run(mounting, stderr=subprocess.DEVNULL).returncode == 0
        if not is_mounted:
            pytest.skip("a small disk can only be mounted by root")
        folder.chmod(0o755)
        yield folder
        subprocess.run([UMOUNT, str(folder)], check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def on_disk(request: pytest.FixtureRequest, disk: Path) -> Iterator[tuple[Engine, Callable[[], None]]]:
    """An engine on the small disk, and what wakes its server in case it died of the want of space."""
    if request.param == "sqlite":
        engine = make_engine(f"sqlite:///{disk / 'test.db'}")
        metadata.create_all(engine)
        yield engine, lambda: None
        engine.dispose()
        return
    with PostgresServer(durable=True, below=disk) as server:
        if not server.can_restart:
            pytest.skip("this PostgreSQL is not ours to fill")
        engine = make_engine(server.create_database())
        metadata.create_all(engine)
        yield engine, server.wake
        engine.dispose()


@pytest.mark.parametrize(
    ("sending", "planned"),
    [pytest.param(200, 1000, id="ordinary"), pytest.param(3000, 20_000, id="heavy", marks=pytest.mark.slow)],
)
def test_full_disk_halves_nothing(
    on_disk: tuple[Engine, Callable[[], None]],
    disk: Path,
    sandbox: SandboxProcess,
    tmp_path: Path,
    found: Callable[..., None],
    sending: int,
    planned: int,
) -> None:
    """One run is being sent and the next one planned when the last block is taken."""
    engine, wake = on_disk
    with Scene(engine, sandbox, tmp_path) as scene:
        runs = [scene.plan(sending, pace=100.0), scene.plan(planned, prefix="+38068")]
        move(scene, runs[1], RunState.HELD)
        worker = scene.start_worker()
        until(lambda: scene.sent() > 30, what="a message")
        fill(disk, leave=LEFT)
        # What is sent meanwhile may have taken the room that this takes.
        while not is_moved(scene, runs[1], RunState.PLANNING):
            (disk / BALLAST).unlink()
            wake()
            fill(disk, leave=LEFT)
        refused = until(lambda: any(worker.said(words) for words in FULL), what="a full disk")
        time.sleep(0.5)
        assert worker.is_alive()
        (disk / BALLAST).unlink()
        wake()
        assert scene.states().total() in (sending, sending + planned)
        scene.until_over(*runs, seconds=120)
        found(seconds_to_full=refused, **scene.compare(sending + planned))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_full_disk_while_a_file_is_read_is_one_sentence(
    session: Session, disk: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read waits on the disk, by the command line and in the child that reads for a page."""
    organisation = an_organisation(session)
    header = "number,language,consent_date,consent_how\n"
    people = (f"+38050{number:07},uk,2026-02-01,{'form ' * 30}\n" for number in range(1000))
    data = (header + "".join(people)).encode()
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    fill(disk, leave=16 * 1024)
    for read in (
        lambda: import_contacts(session, organisation.id, data, vault),
        lambda: read_apart(USUAL, decode_text_of, data),
    ):
        with pytest.raises(UnavailableError, match=r"^The disk has no room"):
            read()
    assert session.scalars(select(Contact)).all() == []
    (disk / BALLAST).unlink()
    assert import_contacts(session, organisation.id, data, vault).added == 1000


def import_contacts(session: Session, organisation_id: int, data: bytes, vault: Vault) -> Report:
    settings = load_settings({})
    return import_file(session, organisation_id, "f.csv", data, by=None, vault=vault, settings=settings)


def decode_text_of(file: BinaryIO) -> str:
    """Return what a file says, as a child does that reads one."""
    return file.read().decode()


def is_moved(scene: Scene, run_id: int, state: RunState) -> bool:
    try:
        move(scene, run_id, state)
    except OperationalError:
        return False
    return True


def move(scene: Scene, run_id: int, state: RunState) -> None:
    with scene.sessions.begin() as session:
        session.get_one(Run, run_id).state = state
    if scene.engine.dialect.name == "sqlite" and state is RunState.HELD:
        # Else the log of the plan has room for what comes.
        with single_statements(scene.engine).connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def fill(disk: Path, *, leave: int) -> None:
    """Take every block of a disk but for the last `leave` bytes."""
    block = bytes(64 * 1024)
    with (disk / BALLAST).open("wb", buffering=0) as ballast:
        with contextlib.suppress(OSError):
            while ballast.write(block) == len(block):
                continue
        assert shutil.disk_usage(disk).free == 0
        ballast.truncate(ballast.tell() - leave)
