"""A process that only sends, for tests that kill it; arguments: database, sandbox, run, window."""

from __future__ import annotations

import sys

from campaigns.core.database import make_engine, make_sessions
from campaigns.core.keys.crypto import Vault
from tests.delivery.driving import drive, settled
from tests.gateways.conftest import twilio_at

#: Longest a process may send, in seconds: the last of fifty sends thousands, perhaps beside other work.
PATIENCE = 240.0


def main() -> None:
    """Send a run until nothing of it is queued or on its way."""
    database, sandbox, run, window = sys.argv[1:]
    sessions = make_sessions(make_engine(database))
    vault = Vault(keys={1: b"k" * 32}, lookup_key=b"l" * 32)
    until = settled(sessions, int(run))
    drive(sessions, vault, twilio_at(sandbox), until=until, window=int(window), patience=PATIENCE)
