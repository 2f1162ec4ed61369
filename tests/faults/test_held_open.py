"""Whoever holds connections or posts megabytes keeps neither stops nor an operator waiting."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import pytest
import requests
from sqlalchemy import Engine, select
from twilio.request_validator import RequestValidator

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.demo.processes import free_port
from campaigns.planning.models import Run, RunState
from tests.delivery.serving import children_of
from tests.faults.members_attacks import STRANGERS, again_and_again, sign_ins, uploads
from tests.faults.scene import FINGERPOST, Scene, until
from tests.sandbox.process import DEFAULTS, SENDER, SandboxProcess

pytestmark = pytest.mark.long

#: Longest that a stop, a look at the health and an operator may wait, in seconds.
AT_MOST = 5.0
#: The most memory of any process, in megabytes.
MOST_MEGABYTES = 400
HEAD = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
Attack = Callable[[Scene, int], AbstractContextManager[object]]


@pytest.fixture
def scene(engine: Engine, sandbox: SandboxProcess, tmp_path: Path) -> Iterator[Scene]:
    port = free_port(0)
    changes = {"hooks_port": str(port), "hooks_url": f"http://127.0.0.1:{port}", "hooks_gone_after_seconds": "10"}
    with Scene(engine, sandbox, tmp_path, **changes) as scene:
        yield scene


def ports(scene: Scene) -> tuple[int, int]:
    return scene.port, int(scene.environment["FINGERPOST_HOOKS_PORT"])


def _connect(port: int, words: bytes, number: int) -> socket.socket | None:
    stranger = f"127.0.{number % STRANGERS + 1}.1"
    try:
        made = socket.create_connection(("127.0.0.1", port), 2, source_address=(stranger, 0))
        made.sendall(words)
        made.setblocking(False)
    except OSError:
        return None
    return made


def _is_open(held: socket.socket | None) -> bool:
    if held is None:
        return False
    try:
        return held.recv(4096) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextmanager
def holding(scene: Scene, count: int, words: bytes) -> Iterator[None]:
    """Hold so many connections, half of them to each port, and open each anew that is closed."""
    allow_files(count + 500)
    places = [ports(scene)[number % 2] for number in range(count)]
    held = [_connect(port, words, number) for number, port in enumerate(places)]
    assert sum(one is not None for one in held) > 0.95 * count
    ending = threading.Event()

    def hold() -> None:
        while not ending.wait(0.2):
            for number, one in enumerate(held):
                if not _is_open(one) and not ending.is_set():
                    if one is not None:
                        one.close()
                    held[number] = _connect(places[number], words, number)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        for one in held:
            if one is not None:
                one.close()


def allow_files(count: int) -> None:
    """Let this process have so many files open; skip the test where it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < count:
        pytest.skip(f"needs {count} open files, and no more than {hard} are allowed")
    if 0 <= soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def silent(scene: Scene, count: int) -> AbstractContextManager[object]:
    return holding(scene, count, b"")


def half(scene: Scene, count: int) -> AbstractContextManager[object]:
    form = b"application/x-www-form-urlencoded"
    return holding(scene, count, HEAD % (b"/hooks/twilio/inbound", form, 2000))


def posting(scene: Scene, body: bytes) -> AbstractContextManager[object]:
    """Post a body as JSON to both ports again and again, several at once."""
    paths = (b"/health", b"/hooks/telegram/x", b"/hooks/twilio/inbound", b"/sign-in")

    def post(port: int, path: bytes) -> None:
        with socket.create_connection(("127.0.0.1", port), 5) as one:
            one.sendall(HEAD % (path, b"application/json", len(body)))
            one.sendall(body)
            one.recv(4096)

    return again_and_again(partial(post, port, path) for port in ports(scene) for path in paths)


def megabytes(scene: Scene, count: int) -> AbstractContextManager[object]:
    return posting(scene, b"[" + b"[]," * 7_000_000 + b"0]")


def brackets(scene: Scene, count: int) -> AbstractContextManager[object]:
    return posting(scene, b"[" * 60_000)


def say_stop(scene: Scene, number: str) -> float:
    """Post a STOP as the provider does; return the seconds until it was obeyed."""
    address = scene.environment["FINGERPOST_HOOKS_URL"] + "/hooks/twilio/inbound"
    account = DEFAULTS.account_sid
    form = {"AccountSid": account, "MessageSid": f"SM{number}", "From": number, "To": SENDER, "Body": "STOP"}
    headers = {
        "X-Twilio-Signature": RequestValidator(DEFAULTS.auth_token).compute_signature(address, form),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    began = time.monotonic()
    answer = requests.post(address, data=urlencode(form), headers=headers, timeout=30)
    took = time.monotonic() - began
    assert answer.status_code == 200, answer.text
    lookup = scene.vault.lookup_hash(Channel.SMS, number)
    with scene.sessions() as session:
        state = session.scalars(select(Address.state).where(Address.lookup == lookup)).one()
    assert state == AddressState.OPTED_OUT
    return took


def is_well(scene: Scene) -> bool:
    """Say whether the server answers in time; one that just starts, or was killed, answers nothing."""
    try:
        return look_at_health(scene) < AT_MOST
    except requests.ConnectionError:
        return False


def look_at_health(scene: Scene) -> float:
    """Return the longest that either port took to say how it is."""
    longest = 0.0
    for port in ports(scene):
        began = time.monotonic()
        assert requests.get(f"http://127.0.0.1:{port}/health", timeout=30).status_code == 200
        longest = max(longest, time.monotonic() - began)
    return longest


def stop_by_command(scene: Scene, run_id: int) -> tuple[float, float]:
    """Stop the run as an operator does; return the seconds until it was stopped, and then until the last call.

    The first are mostly those in which a program is loaded on a machine that is busy with an attack.
    """
    began, environ = time.time(), os.environ | scene.environment | {"PYTHONUNBUFFERED": "1"}
    command = [*FINGERPOST, "stop", str(run_id)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        stopped = time.time()
        rest = process.stdout.read()
    assert (process.returncode, "is stopped." in first) == (0, True), first + rest
    with scene.sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.STOPPED
    time.sleep(1.5)
    last = max(message["accepted_at"] for message in scene.sandbox.whole_truth())
    return stopped - began, last - stopped


@pytest.mark.parametrize(
    ("attack", "count"),
    [
        pytest.param(silent, 64, id="64 silent"),
        pytest.param(half, 64, id="64 half"),
        pytest.param(megabytes, 0, id="megabytes"),
        pytest.param(brackets, 0, id="brackets"),
        pytest.param(sign_ins, 64, id="64 sign-ins"),
        pytest.param(uploads, 1, id="worst files"),
        pytest.param(silent, 5000, id="5000 silent", marks=pytest.mark.slow),
        pytest.param(half, 5000, id="5000 half", marks=pytest.mark.slow),
    ],
)
def test_stops_and_operators_are_heard(
    scene: Scene, found: Callable[..., None], attack: Attack, count: int
) -> None:
    run_id = scene.plan(3000, pace=25.0)
    with scene.serve() as server:
        until(lambda: is_well(scene), what="a server")
        scene.start_worker()
        until(lambda: scene.sent() > 20, what="sending")
        # What a server does slower for the first time is no part of an attack.
        say_stop(scene, "+380670002850")
        with attack(scene, count):
            time.sleep(1)
            healths, stops = [], []
            for number in (2900, 2950, 2990):
                healths.append(look_at_health(scene))
                stops.append(say_stop(scene, f"+38067{number:07}"))
            before = scene.sent()
            until(lambda: scene.sent() > before + 5, what="sending beside it")
            took, last_call = stop_by_command(scene, run_id)
        peak = server.peak_megabytes()
    # The page of health waits its turn among sign-ins: one look may be slow, not every other.
    assert median(healths) < AT_MOST
    assert max(stops) < AT_MOST
    assert last_call < AT_MOST
    assert peak < MOST_MEGABYTES
    found(health=max(healths), stop=max(stops), stopped_after=took, last_call=last_call, peak_mb=peak)


def test_worker_waits_while_nobody_answers_providers(scene: Scene, found: Callable[..., None]) -> None:
    """And goes on by itself. Nothing is sent to anybody whose opt-out could not arrive."""
    scene.plan(3000, pace=25.0)
    with scene.serve() as server:
        worker = scene.start_worker()
        until(lambda: scene.sent() > 20, what="sending")
        server.kill()
        died = time.time()
        until(lambda: worker.said("opt-outs cannot arrive") > 0, seconds=30, what="noticing")
        # What was under way arrives.
        time.sleep(1)
        before = scene.sent()
        time.sleep(3)
        assert scene.sent() == before
    last = max(message["accepted_at"] for message in scene.sandbox.whole_truth())
    assert last - died < 10 + AT_MOST
    with scene.serve():
        until(lambda: scene.sent() > before + 10, what="going on")
        assert worker.said("opt-outs arrive again") == 1
    found(sent_after=last - died)


def test_process_that_dies_is_replaced(scene: Scene) -> None:
    with scene.serve() as server:
        until(lambda: is_well(scene), what="a server")
        for pid in children_of(server.pid):
            if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        until(lambda: is_well(scene), seconds=30, what="a new one")
