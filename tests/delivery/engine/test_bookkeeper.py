"""Claims come in and results go out while callers call; what cannot be written waits, and nothing is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from campaigns.core import clock
from campaigns.core.sentences import Sentence
from campaigns.delivery.engine import bookkeeper, decisions, lane_notices
from campaigns.delivery.engine.decisions import Back, Decided
from campaigns.delivery.engine.ports import Ask, Found, Result
from campaigns.delivery.engine.queue.memory_store import MemoryDelivery, MemoryStore
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action, Outgoing, RejectedError
from campaigns.planning.models import Health, RunState
from tests.delivery.engine.in_memory import SENDER, a_store, run_lane
from tests.delivery.provider import MemoryProvider


class Brittle(MemoryStore[MemoryDelivery]):
    """The port of another store, which is away whenever a test says so."""

    def __init__(self, store: MemoryStore[MemoryDelivery]) -> None:
        super().__init__(store.senders.values())
        self._inner = store
        #: Calls of each method that fail before one works.
        self.away = {"exchange": 0, "pause": 0, "tell_health": 0}
        self.exchanges: list[tuple[int, bool]] = []
        self.told: list[tuple[Health, str]] = []

    def exchange(self, results: Sequence[Result], ask: Ask | None) -> Found:
        self._fail("exchange")
        self.exchanges.append((len(results), ask is not None))
        return self._inner.exchange(results, ask)

    def pause(self, run_id: int, reason: Sentence) -> None:
        self._fail("pause")
        self._inner.pause(run_id, reason)

    def tell_health(self, sender_id: int, health: Health, code: str) -> None:
        self._fail("tell_health")
        self.told.append((health, code))
        self._inner.tell_health(sender_id, health, code)

    def _fail(self, method: str) -> None:
        if self.away[method]:
            self.away[method] -= 1
            raise OperationalError("exchange", {}, Exception("gone"))


def states(store: MemoryStore[MemoryDelivery]) -> dict[SendState, int]:
    found = [row.state for row in store.deliveries.values()]
    return {state: found.count(state) for state in set(found)}


def settled(store: MemoryStore[MemoryDelivery]) -> bool:
    return not {SendState.QUEUED, SendState.SENDING} & states(store).keys()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (bookkeeper, lane_notices):
        monkeypatch.setattr(module, "DATABASE_PAUSE", 0.01)


def test_results_and_claims_travel_together() -> None:
    store, provider = a_store(200), MemoryProvider(seconds=0.001)
    port = Brittle(store)
    asyncio.run(run_lane(store, provider, until=lambda: settled(store), port=port))
    assert states(store) == {SendState.ACCEPTED: 200}
    assert sum(results for results, _ in port.exchanges) == 200
    assert any(results and asks for results, asks in port.exchanges)


def test_results_wait_for_a_database_that_is_away() -> None:
    store, provider = a_store(6), MemoryProvider()
    port = Brittle(store)

    def behave(outgoing: Outgoing, nth: int) -> None:
        port.away["exchange"] = max(port.away["exchange"], 2)

    provider.behave = behave
    asyncio.run(run_lane(store, provider, until=lambda: settled(store), port=port))
    assert states(store) == {SendState.ACCEPTED: 6}
    assert set(provider.times_accepted().values()) == {1}


def test_claims_that_nobody_called_go_back_when_the_lane_stops() -> None:
    store, provider = a_store(30), MemoryProvider(seconds=0.05)
    asyncio.run(run_lane(store, provider, until=lambda: provider.in_flight == 4))
    counts = states(store)
    assert counts.keys() == {SendState.ACCEPTED, SendState.QUEUED}
    assert counts[SendState.ACCEPTED] == len(provider.accepted)
    assert {row.attempts for row in store.deliveries.values() if row.state is SendState.QUEUED} == {0}


def test_claims_go_back_that_wait_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bookkeeper, "WAIT_AT_MOST", timedelta(seconds=0.03))
    store, provider = a_store(30), MemoryProvider(seconds=0.02)
    asyncio.run(run_lane(store, provider, until=lambda: settled(store)))
    assert states(store) == {SendState.ACCEPTED: 30}
    assert set(provider.times_accepted().values()) == {1}


def test_claims_of_a_run_that_runs_no_more_go_back() -> None:
    store, provider = a_store(30), MemoryProvider(seconds=0.02)

    def stop_in_the_middle() -> bool:
        if provider.accepted:
            store.runs[1].state = RunState.STOPPED
        return store.runs[1].state is RunState.STOPPED and SendState.SENDING not in states(store)

    asyncio.run(run_lane(store, provider, until=stop_in_the_middle))
    assert states(store).keys() == {SendState.ACCEPTED, SendState.QUEUED}


def test_claims_go_back_at_once_when_the_lane_stops(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bookkeeper, "WAIT_AT_MOST", timedelta(seconds=2))
    slow = replace(SENDER, pace=4.0)
    store, provider = a_store(30, sender=slow), MemoryProvider()
    # Most of what was claimed still waits for its turn when the first was accepted.
    with caplog.at_level(logging.DEBUG, decisions.__name__):
        asyncio.run(run_lane(store, provider, until=lambda: bool(provider.accepted), sender=slow))
    back = [line for line in caplog.messages if line.startswith(Decided.GOES_BACK)]
    assert back
    assert [line for line in back if f"code={Back.STOPPING}" not in line] == []
    assert states(store).keys() == {SendState.ACCEPTED, SendState.QUEUED}


def test_wrong_run_is_paused_as_soon_as_that_can_be_written() -> None:
    def refuse(outgoing: Outgoing, nth: int) -> None:
        raise RejectedError("21606", Action.PAUSE_RUN)

    store, provider = a_store(20), MemoryProvider(refuse)
    port = Brittle(store)
    port.away["pause"] = 2
    asyncio.run(run_lane(store, provider, until=lambda: store.runs[1].state is RunState.PAUSED, port=port))
    assert port.away["pause"] == 0
    assert "21606" in str(store.runs[1].reason)
    assert SendState.SENDING not in states(store)


def test_blamed_sender_stops_its_lane_once_that_is_written() -> None:
    def refuse(outgoing: Outgoing, nth: int) -> None:
        raise RejectedError("20003", Action.PAUSE_SENDER)

    store, provider = a_store(20), MemoryProvider(refuse)
    port = Brittle(store)
    port.away["tell_health"] = 1
    asyncio.run(run_lane(store, provider, until=lambda: bool(store.paused_senders), port=port))
    assert port.told[-1] == (Health.PAUSED, "20003")
    assert states(store) == {SendState.QUEUED: 20}
    assert sum(provider.calls.values()) < 20


def test_next_sender_is_told_of_what_falls_back_once_it_is_written() -> None:
    def refuse(outgoing: Outgoing, nth: int) -> None:
        raise RejectedError("63003", Action.OTHER_CHANNEL)

    store, provider, told = a_store(1), MemoryProvider(refuse), list[tuple[int, SendState]]()
    port = Brittle(store)

    def passed_on(run_id: int) -> None:
        told.append((run_id, store.deliveries[1].state))

    asyncio.run(
        run_lane(store, provider, until=lambda: settled(store), port=port, has_next=True, passed_on=passed_on)
    )
    assert told == [(1, SendState.FAILED)]


def test_retry_is_found_when_it_is_due() -> None:
    def refuse_once(outgoing: Outgoing, nth: int) -> None:
        if nth == 1:
            raise RejectedError("30001", Action.RETRY_LATER)

    store, provider = a_store(2), MemoryProvider(refuse_once)
    started = clock.now()
    asyncio.run(run_lane(store, provider, until=lambda: settled(store)))
    assert states(store) == {SendState.ACCEPTED: 2}
    assert {row.attempts for row in store.deliveries.values()} == {2}
    assert clock.now() - started >= timedelta(seconds=1.5)
