"""The sandbox without proxies, a receiver for its webhooks, and Twilio's own client."""

from collections.abc import Iterator

import pytest
from twilio.rest import Client

from tests.sandbox.process import SandboxProcess
from tests.sandbox.receiver import Receiver


@pytest.fixture
def sandbox(sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch) -> SandboxProcess:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return sandbox


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
