"""Parts are started, watched and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from campaigns.core.errors import UnavailableError
from campaigns.demo.processes import Processes, free_port, surroundings
from campaigns.demo.story import ENDINGS, end_as_by_ctrl_c


def test_part_that_ended_is_named(tmp_path: Path) -> None:
    with Processes({}, tmp_path) as processes:
        processes.start("nonsense", "no-such-command")
        with pytest.raises(UnavailableError, match="The nonsense ended with code 2"):
            processes.wait_for("http://127.0.0.1:9/")


def test_settings_of_another_instance_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever shows the demo beside a live instance mails nothing from its address."""
    monkeypatch.setenv("FINGERPOST_SMTP_URL", "smtp://mail.example.org")
    monkeypatch.setenv("FINGERPOST_PORT", "nonsense")
    assert not [name for name in surroundings() if name.startswith("FINGERPOST_")]
    assert surroundings()["PATH"] == os.environ["PATH"]
    with Processes({"FINGERPOST_MODE": "demo"}, tmp_path) as processes:
        processes.start("keys", "keys")
        while not (tmp_path / "keys.log").read_text():
            time.sleep(0.05)
    assert "FINGERPOST_SECRET_KEY" in (tmp_path / "keys.log").read_text()


def test_taken_port_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port


@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_ends_the_demo_ends_its_parts(tmp_path: Path, ending: signal.Signals) -> None:
    before = {number: signal.getsignal(number) for number in ENDINGS}
    end_as_by_ctrl_c()
    try:
        with contextlib.suppress(KeyboardInterrupt), Processes({}, tmp_path) as processes:
            part = processes.start("sandbox", "sandbox", f"--port={free_port(0)}")
            os.kill(os.getpid(), ending)
            time.sleep(10)
        with pytest.raises(ProcessLookupError):
            os.kill(part, 0)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
