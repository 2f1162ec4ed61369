"""What is urgent overtakes what is long, on a sender that both share; nobody else loses anything by it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine import bookkeeper
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery
from campaigns.delivery.queries import in_state, progress_of, select_planning
from campaigns.delivery.states import SendState
from campaigns.planning.models import Priority, Run, RunState
from campaigns.planning.policy import USUAL
from tests.delivery.builders import a_planned_run, a_running_run, people
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender, an_organisation

pytestmark = pytest.mark.one_database

#: Seconds after its commit within which a correction is on its way, or a stop obeyed: the promise.
PROMISED = 5.0
#: Parts per second of a slow sender: what two windows have claimed ahead for it lasts longer than that.
SLOW, WINDOW = 20.0, 64


class TimedProvider(MemoryProvider):
    """Remembers when each call began, and for which reference."""

    def __init__(self) -> None:
        super().__init__(seconds=0.005)
        self.began: list[tuple[float, str]] = []

    async def send(self, outgoing, fence=None):  # type: ignore[no-untyped-def]
        if fence is not None:
            fence()
        self.began.append((time.monotonic(), outgoing.reference))
        return await super().send(outgoing)


def set_state(sessions: sessionmaker[Session], run_id: int, state: RunState) -> float:
    """Commit a run's state and return the moment."""
    with sessions.begin() as session:
        session.get_one(Run, run_id).state = state
    return time.monotonic()


def calls_of(sessions: sessionmaker[Session], provider: TimedProvider, run_id: int) -> list[float]:
    """Return when each call for a run began."""
    with sessions() as session:
        references = set(session.scalars(select(Delivery.reference).where(Delivery.run_id == run_id)))
    return [began for began, reference in provider.began if reference in references]


def after(provider: TimedProvider, calls: int, act: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    """Return a task that acts once the provider was called so often."""

    async def wait() -> None:
        while len(provider.began) < calls:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(act)

    return wait


def long_and_urgent(
    sessions: sessionmaker[Session],
    vault: Vault,
    *,
    long: int,
    urgent: int,
    priority: int = Priority.URGENT,
    pace: float = SLOW,
) -> tuple[int, int]:
    """Return a run that runs over a slow sender, and one that waits for its start, over the same sender."""
    with sessions.begin() as session:
        sender = a_sender(session, pace=pace)
        first = a_running_run(session, vault, count=long, sender=sender)
        second = a_running_run(session, vault, count=urgent, sender=sender, state=RunState.HELD, priority=priority)
        return first.id, second.id


def test_urgent_run_overtakes_a_long_one(sessions: sessionmaker[Session], vault: Vault) -> None:
    long, urgent = long_and_urgent(sessions, vault, long=2000, urgent=30)
    provider, pressed = TimedProvider(), list[float]()
    drive(
        sessions,
        vault,
        provider,
        window=WINDOW,
        until=lambda: bool(pressed) and settled(sessions, urgent)(),
        meanwhile=after(provider, 20, lambda: pressed.append(set_state(sessions, urgent, RunState.RUNNING))),
    )
    calls = calls_of(sessions, provider, urgent)
    assert len(calls) == 30
    assert max(calls) < pressed[0] + PROMISED
    # What was claimed for the long one before is not lost: it is called afterwards, or goes back.
    with sessions() as session:
        progress = progress_of(session, long)
    assert progress[SendState.ACCEPTED] + progress[SendState.QUEUED] == 2000


@pytest.mark.long
def test_claims_passed_over_go_back_in_time(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bookkeeper, "WAIT_AT_MOST", timedelta(seconds=0.5))
    long, urgent = long_and_urgent(sessions, vault, long=200, urgent=200, pace=100.0)
    provider, held = TimedProvider(), list[int]()

    def start_and_look() -> None:
        set_state(sessions, urgent, RunState.RUNNING)
        with sessions() as session:
            is_held = and_(Delivery.run_id == long, in_state(SendState.SENDING))
            tokens = set(session.scalars(select(Delivery.token).where(is_held)))
        # Later claims of the long run have other tokens.
        count = select(func.count()).where(is_held, Delivery.token.in_(tokens))
        while not settled(sessions, urgent)():
            with sessions() as session:
                held.append(session.scalar(count) or 0)
            time.sleep(0.05)

    drive(
        sessions,
        vault,
        provider,
        window=WINDOW,
        until=lambda: settled(sessions, long)() and settled(sessions, urgent)(),
        meanwhile=after(provider, 20, start_and_look),
    )
    assert (max(held) > 50, held[-1]) == (True, 0)
    assert sorted(provider.times_accepted().values()) == [1] * 400
    with sessions() as session:
        assert set(session.scalars(select(Delivery.attempts))) == {1}


@pytest.mark.both_databases
def test_claims_of_a_stopped_run_hold_nobody_up(sessions: sessionmaker[Session], vault: Vault) -> None:
    stopped, other = long_and_urgent(sessions, vault, long=400, urgent=20, priority=Priority.ORDINARY)
    provider, pressed = TimedProvider(), list[float]()

    def change() -> None:
        pressed.append(set_state(sessions, stopped, RunState.STOPPED))
        set_state(sessions, other, RunState.RUNNING)

    drive(
        sessions,
        vault,
        provider,
        window=WINDOW,
        until=lambda: bool(pressed) and settled(sessions, other)(),
        meanwhile=after(provider, 20, change),
    )
    assert max(calls_of(sessions, provider, stopped)) < pressed[0] + PROMISED
    calls = calls_of(sessions, provider, other)
    assert len(calls) == 20
    assert min(calls) < pressed[0] + PROMISED


def test_organisations_share_a_sender_evenly(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender, many = a_sender(session, pace=400.0), an_organisation(session)
        alone = a_running_run(session, vault, count=600, sender=sender).id
        for _ in range(5):
            a_running_run(session, vault, count=200, sender=sender).organisation_id = many.id
    provider = TimedProvider()
    drive(sessions, vault, provider, until=lambda: len(provider.began) >= 500)
    calls = provider.began[:500]
    with sessions() as session:
        run_of = dict(session.execute(select(Delivery.reference, Delivery.run_id)).all())
    shares = Counter(run_of[reference] == alone for _, reference in calls)
    assert 200 <= shares[True] <= 300


def test_urgent_run_is_planned_between_chunks_of_another(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        long, urgent = (a_planned_run(session) for _ in range(2))
        people(session, long.organisation_id, vault, count=9)
        people(session, urgent.organisation_id, vault, count=2)
        urgent.priority, urgent.state = Priority.URGENT, RunState.HELD
        long_id, urgent_id = long.id, urgent.id
    chunks = iter([RunState.HELD, RunState.PLANNING])

    def before_chunk() -> bool:
        set_state(sessions, urgent_id, next(chunks))
        return True

    fan_out(sessions, long_id, policy=USUAL, chunk=3, may_go_on=before_chunk)
    with sessions() as session:
        assert progress_of(session, long_id) == {SendState.QUEUED: 3}
        waiting = list(session.scalars(select_planning()))
    assert waiting == [urgent_id, long_id]
    for run_id in waiting:
        fan_out(sessions, run_id, policy=USUAL, chunk=3)
    with sessions() as session:
        assert [progress_of(session, run_id) for run_id in waiting] == [
            {SendState.QUEUED: 2},
            {SendState.QUEUED: 9},
        ]
