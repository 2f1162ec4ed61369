"""The sandbox is a process: it says where it is, obeys its options and leaves when told."""

import signal
import socket
import subprocess
import sys

import pytest

from campaigns.sandbox.options import read_options
from campaigns.sandbox.world.profile import ROUGH
from tests.sandbox.process import DEFAULTS, SandboxProcess


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_process_says_where_it_is_and_leaves_cleanly(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "campaigns.sandbox.server", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline().startswith("Sandbox ready at http://127.0.0.1:")
    process.send_signal(number)
    rest, errors = process.communicate(timeout=10)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_taken_port_is_told_in_words(sandbox: SandboxProcess) -> None:
    port = sandbox.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "campaigns.sandbox.server", "--port", port]
    second = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert second.returncode == 1
    assert second.stderr.strip() == f"The sandbox cannot listen on 127.0.0.1:{port}: address already in use."


def test_idle_connection_is_closed() -> None:
    with SandboxProcess("--idle-seconds", "0.2") as sandbox:
        host, _, port = sandbox.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            assert connection.recv(16).startswith(b"HTTP/1.1 ")
            while connection.recv(65536):
                pass


def test_options_become_the_configuration() -> None:
    config = read_options(
        [
            "--port",
            "0",
            "--seed",
            "x",
            "--pace",
            "80",
            "--profile",
            "rough",
            "--allow-host",
            "web",
            "--late-s",
            "5",
            "--account",
            "AC2=token=2",
        ]
    )
    assert (config.port, config.seed, config.callbacks.allowed_hosts) == (0, "x", ("web",))
    assert (config.fixture.pace, config.fixture.profile, config.fixture.late_s) == (80.0, ROUGH, 5.0)
    assert (config.auth_token, config.accounts) == (DEFAULTS.auth_token, {"AC2": "token=2"})


def test_account_without_a_token_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--account", "AC2"])
    assert "'AC2' is not SID=TOKEN" in capsys.readouterr().err


def test_defaults_need_no_option() -> None:
    assert read_options([]) == DEFAULTS
