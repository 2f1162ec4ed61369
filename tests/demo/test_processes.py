"""Parts are started, watched and ended together."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from campaigns.core.errors import UnavailableError
from campaigns.demo.processes import Processes, free_port


def test_part_that_ended_is_named(tmp_path: Path) -> None:
    with Processes({}, tmp_path) as processes:
        processes.start("nonsense", "no-such-command")
        with pytest.raises(UnavailableError, match="The nonsense ended with code 2"):
            processes.wait_for("http://127.0.0.1:9/")


def test_taken_port_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
