"""A worker that hears of no process by which opt-outs arrive sends nothing to people, and goes on by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, delete, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.continuity.ears import Ears, find_last_sign, give_sign
from campaigns.continuity.models import HookBeat
from campaigns.core import clock
from campaigns.core.database import make_engine
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, Refusal
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.planning.models import Run
from tests.delivery.builders import a_running_run
from tests.delivery.driving import drive
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender

GONE_AFTER = 10.0


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def none_before(engine: Engine) -> Iterator[None]:
    """Let no process have answered providers on this database."""
    yield
    with engine.begin() as connection:
        connection.execute(delete(HookBeat))


@pytest.fixture
def seconds() -> Clock:
    return Clock()


@pytest.fixture
def hear(engine: Engine, seconds: Clock) -> Callable[[], bool]:
    ears = Ears(GONE_AFTER, seconds=seconds)

    def hear() -> bool:
        with engine.execution_options(read_only=True).connect() as connection:
            return ears.hear(connection)

    return hear


def test_signs_count(engine: Engine, sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        assert find_last_sign(session) is None
    began = clock.now()
    for number in range(1, 4):
        give_sign(engine)
        with sessions() as session:
            assert session.get_one(HookBeat, 1).number == number
            last = find_last_sign(session)
            assert last is not None
            assert began <= last <= clock.now()


def test_only_a_sign_that_is_seen_to_come_counts(
    engine: Engine, hear: Callable[[], bool], seconds: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    give_sign(engine)
    assert not hear()
    seconds.now += 1
    assert not hear()
    give_sign(engine)
    assert hear()
    seconds.now += GONE_AFTER
    assert hear()
    seconds.now += 0.1
    assert not hear()
    assert not hear()
    assert caplog.text.count("opt-outs cannot arrive") == 1
    give_sign(engine)
    assert hear()
    assert caplog.text.count("opt-outs arrive again") == 1


def test_clock_of_who_gives_signs_does_not_matter(engine: Engine, hear: Callable[[], bool]) -> None:
    give_sign(engine)
    hear()
    with engine.begin() as connection:
        connection.execute(update(HookBeat).values(number=2, seen_at=clock.now().replace(year=2020)))
    assert hear()


def test_restored_database_counts_again(engine: Engine, hear: Callable[[], bool]) -> None:
    for _ in range(5):
        give_sign(engine)
    hear()
    with engine.begin() as connection:
        connection.execute(update(HookBeat).values(number=3))
    assert hear()


def test_where_none_ever_was_a_live_worker_waits_and_a_demo_does_not(engine: Engine, seconds: Clock) -> None:
    live, demo = Ears(GONE_AFTER, seconds=seconds), Ears(GONE_AFTER, is_needed=False, seconds=seconds)
    with engine.execution_options(read_only=True).connect() as connection:
        assert (live.hear(connection), demo.hear(connection)) == (False, True)
    give_sign(engine)
    with engine.execution_options(read_only=True).connect() as connection:
        assert live.hear(connection)
        # From here on there is one.
        assert not demo.hear(connection)
    seconds.now += GONE_AFTER + 1
    with engine.execution_options(read_only=True).connect() as connection:
        assert (live.hear(connection), demo.hear(connection)) == (False, False)


def test_off_is_off(engine: Engine, seconds: Clock) -> None:
    ears = Ears(0, seconds=seconds)
    give_sign(engine)
    for _ in range(3):
        seconds.now += 1000
        with engine.execution_options(read_only=True).connect() as connection:
            assert ears.hear(connection)


def test_rehearsals_go_on(engine: Engine, sessions: sessionmaker[Session], vault: Vault, seconds: Clock) -> None:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=1, sender=a_sender(session))
        rehearsal = a_running_run(session, vault, count=1, sender=a_sender(session))
        rehearsal.is_rehearsal = True
        ids = run.id, rehearsal.id
    store = DatabaseStore(sessions, vault, ears=Ears(GONE_AFTER, seconds=seconds))
    assert {running.run_id for running in store.snapshot().runs} == {ids[1]}
    give_sign(engine)
    assert {running.run_id for running in store.snapshot().runs} == set(ids)


@pytest.mark.long
@pytest.mark.one_database
def test_calls_cease_while_opt_outs_cannot_arrive_and_go_on_after(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault
) -> None:
    """The whole engine: everybody is written to once, and nobody in between."""
    with sessions.begin() as session:
        run_id = a_running_run(session, vault, count=300, sender=a_sender(session, pace=150.0)).id
    provider, seconds = MemoryProvider(seconds=0.005), Clock()
    give_sign(engine)
    store = DatabaseStore(sessions, vault, ears=Ears(GONE_AFTER, seconds=seconds))
    sent: list[int] = []

    async def lose_and_find() -> None:
        await asyncio.sleep(1)
        assert provider.accepted == []
        await asyncio.to_thread(give_sign, engine)
        while len(provider.accepted) < 60:
            await asyncio.sleep(0.01)
        seconds.now += GONE_AFTER + 1
        await asyncio.sleep(1.5)
        sent.append(len(provider.accepted))
        await asyncio.sleep(1)
        sent.append(len(provider.accepted))
        await asyncio.to_thread(give_sign, engine)

    drive(
        sessions,
        vault,
        provider,
        until=lambda: len(provider.accepted) >= 300 and provider.in_flight == 0,
        meanwhile=lose_and_find,
        store=store,
    )
    assert sent[0] == sent[1] < 300
    assert len(provider.accepted) == 300
    with sessions() as session:
        assert session.get_one(Run, run_id).reason is None


def test_fence_refuses_what_was_claimed_before(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault, seconds: Clock
) -> None:
    with sessions.begin() as session:
        sender = a_sender(session)
        run_id, sender_id = a_running_run(session, vault, count=1, sender=sender).id, sender.id
    ears = Ears(GONE_AFTER, seconds=seconds)
    store, fence = DatabaseStore(sessions, vault, ears=ears), Fence(seconds)
    store.snapshot()
    give_sign(engine)
    fence.refresh(store.snapshot(), asked_at=seconds())
    (claimed,) = store.exchange((), Ask(Line(sender_id), run_id, 0, 1)).claimed
    fence.check(claimed)
    seconds.now += GONE_AFTER + 1
    fence.refresh(store.snapshot(), asked_at=seconds())
    with pytest.raises(FenceRefusedError) as refused:
        fence.check(claimed)
    assert refused.value.refusal is Refusal.NOT_RUNNING


def test_silent_database_gives_no_sign() -> None:
    with pytest.raises(SQLAlchemyError):
        give_sign(make_engine("sqlite:////nowhere/at/all.db"))
