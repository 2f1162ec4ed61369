"""Nobody else on the machine reads what an instance keeps on disk, however open the shell that started it is."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from campaigns.core.private_files import close_to_others
from tests.web.pages import KEYS

CLI = [sys.executable, "-m", "campaigns.cli"]
PATIENCE = 60.0


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Settings of a demo instance in a folder of its own."""
    values = {"MODE": "demo", "DATABASE_URL": f"sqlite:///{tmp_path}/one.db", "STATE_FOLDER": f"{tmp_path}/state"}
    return os.environ | KEYS | {f"FINGERPOST_{name}": value for name, value in values.items()}


def open_files(folder: Path) -> list[str]:
    """Return what others than the owner may read or write, below a folder."""
    return [
        path.name for path in folder.rglob("*") if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]


def wait_for(folder: Path, *endings: str) -> None:
    """Return when there is a file with each of these endings below a folder."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        names = [path.name for path in folder.rglob("*")]
        if all(any(name.endswith(ending) for name in names) for ending in endings):
            return
        time.sleep(0.05)
    raise AssertionError(f"{endings} are not all among {names}")


@pytest.mark.long
def test_every_command_keeps_its_files_to_itself(tmp_path: Path, environ: dict[str, str]) -> None:
    subprocess.run([*CLI, "setup"], env=environ, umask=0o022, check=True, capture_output=True)
    worker = subprocess.Popen([*CLI, "worker"], env=environ, umask=0o022, stderr=subprocess.DEVNULL)
    try:
        wait_for(tmp_path, ".db", ".db-wal", ".db-shm", ".jsonl")
        assert open_files(tmp_path) == []
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(PATIENCE)


def test_files_that_were_open_are_closed_at_the_next_start(tmp_path: Path, environ: dict[str, str]) -> None:
    subprocess.run([*CLI, "setup"], env=environ, check=True, capture_output=True)
    (tmp_path / "one.db").chmod(0o644)
    (tmp_path / "one.db-wal").touch(mode=0o644)
    add = [*CLI, "organisation", "add", "ours", "--name", "Ours"]
    subprocess.run(add, env=environ, check=True, capture_output=True)
    assert open_files(tmp_path) == []


def test_file_of_another_account_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError

    (tmp_path / "one.db").touch(mode=0o644)
    (tmp_path / "one.db").chmod(0o644)
    monkeypatch.setattr(Path, "chmod", refuse)
    close_to_others(tmp_path / "one.db")
    assert "its owner has to run chmod 600" in caplog.text


def test_a_folder_that_a_wrong_address_names_stays_open(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    close_to_others(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
