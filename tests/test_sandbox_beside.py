"""A worker has its sandbox beside it: it begins with the worker and never outlives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import requests

from campaigns.core.processes.seats import Seat
from campaigns.core.settings import Settings, load_settings
from campaigns.sandbox_beside import sandbox_beside
from tests.delivery.serving import children_of, free_port
from tests.web.pages import KEYS

#: Longest that a beginning or an end may take on a busy machine, in seconds.
PATIENCE = 60.0
KEEP = (
    "import time; from campaigns.core.settings import load_settings\n"
    "from campaigns.sandbox_beside import sandbox_beside\n"
    "if __name__ == '__main__':\n"
    "    with sandbox_beside(load_settings()): time.sleep(600)\n"
)


@pytest.fixture
def environ() -> dict[str, str]:
    place = f"http://127.0.0.1:{free_port()}"
    return KEYS | {"FINGERPOST_SANDBOX_URL": place, "FINGERPOST_STARTS_SANDBOX": "true"}


def opens(settings: Settings) -> bool:
    """Say whether the phones of this very instance can be looked at."""
    try:
        return requests.get(settings.phones_url(), timeout=5).ok
    except requests.RequestException:
        return False


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


def test_sandbox_lives_as_long_as_its_worker(environ: dict[str, str]) -> None:
    settings = load_settings(environ)
    with sandbox_beside(settings):
        wait_until(lambda: opens(settings))
    assert not opens(settings)


def test_ctrl_c_leaves_its_end_to_the_worker(environ: dict[str, str]) -> None:
    settings, before = load_settings(environ), children_of(os.getpid())
    with sandbox_beside(settings):
        wait_until(lambda: opens(settings))
        for child in set(children_of(os.getpid())) - set(before):
            os.kill(child, signal.SIGINT)
        # It would be gone by now, and another not there yet.
        time.sleep(0.4)
        assert opens(settings)


def test_sandbox_ends_with_a_worker_that_was_killed(environ: dict[str, str]) -> None:
    settings = load_settings(environ)
    process = subprocess.Popen([sys.executable, "-c", KEEP], env=os.environ | environ)
    try:
        wait_until(lambda: opens(settings))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_until(lambda: not opens(settings))


def test_place_that_is_taken_is_left_alone(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr(Seat, "look", lambda seat: looks.append("look"))
    settings = load_settings(environ)
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(settings.sandbox_url.rpartition(":")[2])))
        other.listen()
        with sandbox_beside(settings):
            # It was looked whether somebody listens there.
            other.accept()[0].close()
    assert looks == []


def test_setting_keeps_it_from_starting(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr(Seat, "look", lambda seat: looks.append("look"))
    with sandbox_beside(load_settings(environ)):
        wait_until(lambda: looks != [])
    looks.clear()
    with sandbox_beside(load_settings(environ | {"FINGERPOST_STARTS_SANDBOX": "false"})):
        time.sleep(0.1)
    assert looks == []
