"""`fingerpost serve` says where it listens, ends whenever it is told to, and refuses a place it cannot have."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from sqlalchemy import Engine

from campaigns.core.errors import SettingsError
from campaigns.core.settings import load_settings
from campaigns.serving import find_console, find_place, why_not
from tests.delivery.serving import ServerProcess, children_of, free_port, instance_environment

#: Longest that ending may take, in seconds.
AT_MOST = 5.0
SERVE = [sys.executable, "-c", "from campaigns.cli import main; main()", "serve"]


def start(engine: Engine, port: int, log: Path) -> subprocess.Popen[bytes]:
    environ = os.environ | instance_environment(engine, port=str(port))
    with log.open("wb") as file:
        return subprocess.Popen(SERVE, env=environ, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)


def until_it_has_children(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and not children_of(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(
    "seconds", [0.4, *(pytest.param(seconds, marks=pytest.mark.long) for seconds in (0.0, 0.1, 1.0, 2.0))]
)
def test_server_that_has_just_begun_ends_when_told(sqlite_engine: Engine, tmp_path: Path, seconds: float) -> None:
    """So many seconds after its process for requests began, which loads for a second or more."""
    port = free_port()
    process = start(sqlite_engine, port, tmp_path / "log")
    try:
        until_it_has_children(process)
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        process.wait(AT_MOST)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0
    # Neither a traceback nor that it had to be killed.
    said = f"(listening at http://127.0.0.1:{port}\nnobody is a member yet: .*\n)?"
    assert re.fullmatch(said, (tmp_path / "log").read_text())


@pytest.mark.long
def test_server_says_where_it_listens_once_it_does(
    sqlite_engine: Engine, capfd: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with ServerProcess(
        [*SERVE, "--processes", "2"], port=port, environ=instance_environment(sqlite_engine, port=str(port))
    ):
        said, deadline = "", time.monotonic() + 60
        while not said.endswith("\n") and time.monotonic() < deadline:
            time.sleep(0.05)
            said += capfd.readouterr().out
    listening, first = said.splitlines()
    assert listening == f"listening at http://127.0.0.1:{port}"
    # Nobody is a member: what is printed lets the first one in.
    assert re.fullmatch(rf"nobody .* http://127\.0\.0\.1:{port}/set-up and enter the code \w{{5}}-\w{{5}}", first)
    assert capfd.readouterr() == ("", "")


def test_taken_port_is_one_sentence(sqlite_engine: Engine) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        answer = subprocess.run(
            SERVE, env=os.environ | instance_environment(sqlite_engine, port=port), capture_output=True, text=True
        )
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == f"fingerpost: port {port} of 127.0.0.1 is in use: something listens there already.\n"


def test_unknown_host_is_one_sentence() -> None:
    with pytest.raises(
        SettingsError, match=r"host nowhere\.invalid is no name or address that this machine knows"
    ):
        find_place("nowhere.invalid", 8000)


def test_name_of_this_machine_is_a_place() -> None:
    assert find_place("localhost", free_port()) in ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("public_url", "host", "address"),
    [
        ("http://localhost:8000", "127.0.0.1", "http://127.0.0.1:8000"),
        ("http://localhost:8000", str(IPv4Address(0)), "http://127.0.0.1:8000"),
        ("http://localhost:8000", "::", "http://[::1]:8000"),
        ("https://corridor.example/", "127.0.0.1", "https://corridor.example"),
    ],
)
def test_address_that_is_printed_opens_the_console(public_url: str, host: str, address: str) -> None:
    settings = replace(load_settings({}), public_url=public_url, port=8000)
    assert find_console(settings, host) == address


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EADDRINUSE, "in use"),
        (errno.EACCES, "may not open port 80"),
        (errno.EADDRNOTAVAIL, "is no address of this machine"),
        (errno.ENOBUFS, "No buffer space"),
    ],
)
def test_reason_of_a_refused_place_is_told(code: int, words: str) -> None:
    assert words in why_not(OSError(code, os.strerror(code)), "10.0.0.1", 80)
