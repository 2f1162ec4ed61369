"""A stop and an opt-out in the middle of a run are obeyed at once; a resumed run sends each message once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.models import Address, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.queries import progress_of
from campaigns.delivery.refusals import suppress_addresses
from campaigns.delivery.service import cancel_queued, requeue_cancelled
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState
from tests.delivery.builders import a_running_run
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender

#: Seconds after a commit within which calls must cease (the promise is 5, and 2 for 99 of 100).
AT_ONCE = 2.0
#: So many calls are answered while something is awaited.
ANSWERED = 300


class TimedProvider(MemoryProvider):
    """Remembers when each call began, and answers no later ones while something is awaited."""

    def __init__(self, *, awaited: list[float] | None = None) -> None:
        super().__init__(seconds=0.005)
        self.began: list[tuple[float, str]] = []
        self.awaited = awaited

    async def send(self, outgoing, fence=None):  # type: ignore[no-untyped-def]
        self.began.append((time.monotonic(), outgoing.to))
        while self.awaited is not None and not self.awaited and len(self.began) > ANSWERED:
            await asyncio.sleep(0.01)
        return await super().send(outgoing, fence)


def long_run(sessions: sessionmaker[Session], vault: Vault, count: int = 600) -> int:
    with sessions.begin() as session:
        return a_running_run(session, vault, count=count, sender=a_sender(session, pace=200.0)).id


def after(provider: TimedProvider, calls: int, act: Callable[[], None]) -> Callable[[], object]:
    """Return a task that acts once the provider was called so often."""

    async def wait() -> None:
        while len(provider.began) < calls:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(act)

    return wait


def set_state(sessions: sessionmaker[Session], run_id: int, state: RunState) -> None:
    with sessions.begin() as session:
        session.get_one(Run, run_id).state = state


@pytest.mark.one_database
def test_stop_ends_calls_at_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, provider, stopped = long_run(sessions, vault), TimedProvider(), []

    def stop() -> None:
        set_state(sessions, run_id, RunState.STOPPED)
        stopped.append(time.monotonic())

    drive(
        sessions,
        vault,
        provider,
        until=lambda: bool(stopped) and time.monotonic() > stopped[0] + AT_ONCE + 0.5,
        meanwhile=after(provider, 100, stop),  # type: ignore[arg-type]
    )
    assert max(began for began, _ in provider.began) < stopped[0] + AT_ONCE
    with sessions.begin() as session:
        while cancel_queued(session, run_id):
            pass
        progress = progress_of(session, run_id)
    assert progress == {
        SendState.ACCEPTED: len(provider.accepted),
        SendState.CANCELLED: 600 - len(provider.accepted),
    }


@pytest.mark.one_database
def test_resumed_run_sends_the_rest_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, provider = long_run(sessions, vault, 300), TimedProvider()
    drive(
        sessions,
        vault,
        provider,
        until=lambda: len(provider.began) >= 100 and provider.in_flight == 0,
        meanwhile=after(provider, 100, lambda: set_state(sessions, run_id, RunState.STOPPED)),  # type: ignore[arg-type]
    )
    with sessions.begin() as session:
        assert cancel_queued(session, run_id)
    set_state(sessions, run_id, RunState.RUNNING)
    with sessions.begin() as session:
        assert requeue_cancelled(session, run_id)
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert sorted(provider.times_accepted().values()) == [1] * 300


@pytest.mark.one_database
def test_opt_out_is_obeyed_at_once(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, said = long_run(sessions, vault), list[float]()
    # However long a busy machine takes to write the stops, the run is not over before.
    provider = TimedProvider(awaited=said)
    with sessions() as session:
        handles = {
            vault.open(a.ciphertext, table="address", column="ciphertext", row_id=a.id)
            # Those whose turn comes last.
            for a in session.scalars(select(Address).order_by(Address.id.desc()).limit(40))
        }

    def opt_out() -> None:
        with sessions.begin() as session:
            stopped: list[int] = []
            for handle in sorted(handles):
                lookup = vault.lookup_hash(Channel.SMS, handle)
                stopped += withdraw_everywhere(
                    session, HashedHandle(lookup, Channel.SMS), Declaration("keyword", "", clock.now())
                )
            suppress_addresses(session, stopped)
        said.append(time.monotonic())

    drive(
        sessions,
        vault,
        provider,
        until=settled(sessions, run_id),
        meanwhile=after(provider, 60, opt_out),  # type: ignore[arg-type]
    )
    late = [began for began, to in provider.began if to in handles and began > said[0] + AT_ONCE]
    assert not late
    with sessions() as session:
        progress = progress_of(session, run_id)
    assert progress[SendState.ACCEPTED] + progress.get(SendState.SUPPRESSED, 0) == 600
    assert progress[SendState.SUPPRESSED] > 0


@pytest.mark.long
@pytest.mark.one_database
def test_unreachable_database_means_no_calls(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, provider = long_run(sessions, vault), TimedProvider()
    cut: list[float] = []

    def deny(*_: object) -> None:
        if cut and time.monotonic() < cut[0] + 3:
            raise OperationalError("SELECT 1", {}, ConnectionError())

    engine = sessions.kw["bind"]
    event.listen(engine, "before_cursor_execute", deny)
    try:
        drive(
            sessions,
            vault,
            provider,
            until=lambda: bool(cut) and time.monotonic() > cut[0] + 3 and settled(sessions, run_id)(),
            meanwhile=after(provider, 50, lambda: cut.append(time.monotonic())),  # type: ignore[arg-type]
        )
    finally:
        event.remove(engine, "before_cursor_execute", deny)
    assert not [began for began, _ in provider.began if cut[0] + 2.5 < began < cut[0] + 3]
    assert set(provider.times_accepted().values()) == {1}
