"""The sandbox process, reset before each test, a receiver for its webhooks, and Twilio's client of either kind."""

from collections.abc import Iterator

import pytest

from tests.sandbox.conftest import receiver, sandbox
from tests.sandbox.process import SandboxProcess
from tests.wire.twilio_client import KINDS, TwilioClient

__all__ = ["receiver", "sandbox"]


@pytest.fixture(params=KINDS)
def twilio(request: pytest.FixtureRequest, sandbox: SandboxProcess) -> Iterator[TwilioClient]:
    with TwilioClient(sandbox, request.param) as client:
        yield client
