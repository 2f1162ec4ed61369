"""A sandbox process for each module, reset before each test, and a receiver for its webhooks."""

from collections.abc import Iterator

import pytest
from twilio.rest import Client

from tests.sandbox.process import SandboxProcess
from tests.sandbox.receiver import Receiver


@pytest.fixture(scope="module")
def process() -> Iterator[SandboxProcess]:
    with SandboxProcess("--late-s", "0.4") as process:
        yield process


@pytest.fixture
def sandbox(process: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    process.reset()
    return process


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[Client]:
    client = sandbox.client()
    yield client
    client.http_client.session.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
