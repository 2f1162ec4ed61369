"""A sandbox that an application rehearses in: it takes senders and free texts of accounts that are elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from tests.sandbox.process import SandboxProcess

PERSON = "+380671234567"
SENDERS = [
    {"to": PERSON, "from_": "+48123456789"},
    {"to": PERSON, "from_": "CORRIDOR"},
    {"to": PERSON, "messaging_service_sid": "MG" + "a1" * 16},
    {"to": f"whatsapp:{PERSON}", "from_": "whatsapp:+48123456789"},
]


@pytest.mark.parametrize("call", SENDERS, ids=["number", "name", "service", "whatsapp"])
def test_senders_of_other_accounts_are_taken(sandbox: SandboxProcess, call: dict[str, Any]) -> None:
    with pytest.raises(TwilioRestException):
        sandbox.client().messages.create(body="Привіт", **call)
    sandbox.fixture(rehearsal=True)
    sid = sandbox.client().messages.create(body="Привіт", **call).sid
    sandbox.settle()
    (message,) = sandbox.truth()
    assert (message["sid"], message["status"]) == (sid, "delivered")


def test_next_fixture_ends_the_rehearsal(sandbox: SandboxProcess) -> None:
    sandbox.fixture(rehearsal=True)
    sandbox.client().messages.create(body="Привіт", **SENDERS[0])
    sandbox.fixture(rehearsal=False)
    with pytest.raises(TwilioRestException):
        sandbox.client().messages.create(body="Привіт", **SENDERS[0])
