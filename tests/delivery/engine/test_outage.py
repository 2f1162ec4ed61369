"""A provider that is away or busy is left alone and tried by single calls; sending resumes by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.database import make_engine
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.gateways.base import NotSentError, Outgoing, SendError, ThrottledError, UnknownOutcomeError
from campaigns.schema import metadata
from tests.delivery.builders import a_running_run
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite only: what happens here does not depend on the database, and takes its time."""
    engine = make_engine(f"sqlite:///{tmp_path / 'test.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


class FailingProvider(MemoryProvider):
    """Raises `error` until `seconds` have passed since the first call."""

    def __init__(self, error: SendError, seconds: float) -> None:
        super().__init__(self._fail, seconds=0.001)
        self._error, self._lasts = error, seconds
        self._until: float | None = None
        self.failed = 0

    def _fail(self, outgoing: Outgoing, nth: int) -> None:
        if self._until is None:
            self._until = time.monotonic() + self._lasts
        if time.monotonic() < self._until:
            self.failed += 1
            raise self._error


def sent(
    sessions: sessionmaker[Session], vault: Vault, provider: MemoryProvider, count: int
) -> dict[SendState, int]:
    with sessions.begin() as session:
        run_id = a_running_run(session, vault, count=count).id
    drive(sessions, vault, provider, until=settled(sessions, run_id), window=8)
    with sessions() as session:
        return progress_of(session, run_id)


@pytest.mark.long
def test_unreachable_provider_is_tried_by_few(sessions: sessionmaker[Session], vault: Vault) -> None:
    provider = FailingProvider(NotSentError("refused"), 2.0)
    assert sent(sessions, vault, provider, 100) == {SendState.ACCEPTED: 100}
    assert provider.failed <= 20
    assert max(provider.calls.values()) <= 3


def test_busy_provider_gets_its_time(sessions: sessionmaker[Session], vault: Vault) -> None:
    provider = FailingProvider(ThrottledError("20429", retry_after_seconds=0.5), 1.2)
    assert sent(sessions, vault, provider, 100) == {SendState.ACCEPTED: 100}
    assert provider.failed <= 12
    assert max(provider.calls.values()) <= 3


@pytest.mark.long
def test_storm_of_lost_replies_costs_few_messages(sessions: sessionmaker[Session], vault: Vault) -> None:
    provider = FailingProvider(UnknownOutcomeError("503"), 1.5)
    states = sent(sessions, vault, provider, 100)
    assert set(states) == {SendState.ACCEPTED, SendState.UNKNOWN}
    assert states[SendState.UNKNOWN] == provider.failed <= 20
    assert max(provider.calls.values()) == 1
