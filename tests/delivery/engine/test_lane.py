"""The engine end to end on both databases: every delivery once, each failure as its error asks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState
from campaigns.core.errors import GatewayRefusedError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine import retry
from campaigns.delivery.lanes.call_limits import MOST_ATTEMPTS
from campaigns.delivery.lanes.sender_facts import SenderFacts
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.queries import progress_of
from campaigns.delivery.states import SendState
from campaigns.gateways.base import (
    Action,
    Gateway,
    NotSentError,
    Outgoing,
    RejectedError,
    SendError,
    ThrottledError,
    UnknownOutcomeError,
)
from campaigns.planning.models import Run, RunState
from tests.delivery.builders import a_running_run
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import NOON, a_sender

pytestmark = pytest.mark.one_database


def running(sessions: sessionmaker[Session], vault: Vault, count: int, **changes: object) -> int:
    with sessions.begin() as session:
        return a_running_run(session, vault, count=count, **changes).id


def states(sessions: sessionmaker[Session], run_id: int) -> dict[SendState, int]:
    with sessions() as session:
        return progress_of(session, run_id)


def test_everything_is_sent_once(
    sessions: sessionmaker[Session], vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    run_id, provider = running(sessions, vault, 200), MemoryProvider()
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.ACCEPTED: 200}
    assert set(provider.times_accepted().values()) == {1}
    assert provider.closed
    with sessions() as session:
        rows = session.execute(select(Delivery.reference, Delivery.provider_id, Delivery.attempts)).all()
        assert session.scalar(select(func.count()).select_from(Attempt)) == 0
    ids = {outgoing.reference: f"SM{place}" for place, outgoing in enumerate(provider.accepted, start=1)}
    assert {row.reference: row.provider_id for row in rows} == ids
    assert {row.attempts for row in rows} == {1}
    assert not caplog.records


def test_message_is_complete(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, provider = running(sessions, vault, 1), MemoryProvider()
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    (outgoing,) = provider.accepted
    assert (outgoing.to, outgoing.body, outgoing.sender) == (
        "+380670000001",
        "Keep your passport.",
        "+15005550006",
    )
    assert outgoing.callback_url == f"http://127.0.0.1:9/hooks/memory/status?m={outgoing.reference}"


def test_window_is_filled_and_kept(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, provider = running(sessions, vault, 120), MemoryProvider(seconds=0.02)
    drive(sessions, vault, provider, until=settled(sessions, run_id), window=8)
    assert provider.most_in_flight == 8


@pytest.mark.parametrize(
    ("error", "state", "outcome"),
    [
        (RejectedError("21614", Action.INVALIDATE_ADDRESS), SendState.FAILED, "rejected"),
        (RejectedError("63049", Action.GIVE_UP), SendState.FAILED, "rejected"),
        (RejectedError("63003", Action.OTHER_CHANNEL), SendState.FAILED, "rejected"),
        (RejectedError("21610", Action.OPT_OUT), SendState.FAILED, "rejected"),
        (UnknownOutcomeError("timeout"), SendState.UNKNOWN, "unknown"),
    ],
)
def test_final_errors_are_not_repeated(
    sessions: sessionmaker[Session], vault: Vault, error: SendError, state: SendState, outcome: str
) -> None:
    def behave(outgoing: Outgoing, nth: int) -> None:
        if outgoing.to.endswith("2"):
            raise error

    run_id, provider = running(sessions, vault, 4), MemoryProvider(behave)
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.ACCEPTED: 3, state: 1}
    assert max(provider.calls.values()) == 1
    with sessions() as session:
        attempt = session.scalars(select(Attempt)).one()
    assert (attempt.outcome, attempt.error) == (outcome, error.code)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(NotSentError("refused"), marks=pytest.mark.long),
        ThrottledError("20429", retry_after_seconds=0.1),
    ],
)
def test_unsent_is_tried_again(sessions: sessionmaker[Session], vault: Vault, error: SendError) -> None:
    def behave(outgoing: Outgoing, nth: int) -> None:
        if outgoing.to.endswith("2") and nth == 1:
            raise error

    run_id, provider = running(sessions, vault, 4), MemoryProvider(behave)
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.ACCEPTED: 4}
    assert sorted(provider.calls.values()) == [1, 1, 1, 2]


@pytest.mark.long
def test_small_run_outlives_a_router_that_restarts(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More calls are refused than a provider may answer, and the message is sent all the same."""
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(retry, "LONGEST_UNSENT_PAUSE", 0.1)

    def behave(outgoing: Outgoing, nth: int) -> None:
        if nth <= MOST_ATTEMPTS + 3:
            raise NotSentError("refused")

    run_id, provider = running(sessions, vault, 1), MemoryProvider(behave)
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.ACCEPTED: 1}
    assert list(provider.calls.values()) == [MOST_ATTEMPTS + 4]
    with sessions() as session:
        assert session.scalars(select(Delivery.attempts)).one() == 1
        assert session.scalars(select(Attempt.outcome)).all() == ["not_sent"]


def test_provider_opt_out_holds_everywhere(sessions: sessionmaker[Session], vault: Vault) -> None:
    def behave(outgoing: Outgoing, nth: int) -> None:
        raise RejectedError("21610", Action.OPT_OUT)

    run_id = running(sessions, vault, 1)
    drive(sessions, vault, MemoryProvider(behave), until=settled(sessions, run_id))
    with sessions() as session:
        assert session.scalars(select(Address.state)).one() == AddressState.OPTED_OUT


def test_dead_number_is_marked(sessions: sessionmaker[Session], vault: Vault) -> None:
    def behave(outgoing: Outgoing, nth: int) -> None:
        raise RejectedError("21614", Action.INVALIDATE_ADDRESS)

    run_id = running(sessions, vault, 1)
    drive(sessions, vault, MemoryProvider(behave), until=settled(sessions, run_id))
    with sessions() as session:
        assert session.scalars(select(Address.state)).one() == AddressState.INVALID


def test_config_error_pauses_the_run(sessions: sessionmaker[Session], vault: Vault) -> None:
    def behave(outgoing: Outgoing, nth: int) -> None:
        raise RejectedError("20003", Action.PAUSE_RUN)

    run_id, provider = running(sessions, vault, 60), MemoryProvider(behave)

    def paused() -> bool:
        with sessions() as session:
            return session.get_one(Run, run_id).state == RunState.PAUSED

    drive(sessions, vault, provider, until=paused, window=4)
    # Three refusals alike, and what was on its way beside the third.
    assert sum(provider.calls.values()) <= 3 + 4 - 1
    assert states(sessions, run_id) == {SendState.QUEUED: 60}
    with sessions() as session:
        assert "20003" in str(session.get_one(Run, run_id).reason)
        assert session.scalar(select(func.count()).where(Address.state != AddressState.ACTIVE)) == 0


def test_nothing_is_sent_before_or_after_its_time(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, provider = running(sessions, vault, 6), MemoryProvider()
    with sessions.begin() as session:
        first, second, third, fourth, *_ = session.scalars(select(Delivery.id).order_by(Delivery.id))
        early = {"due_at": datetime.now(UTC) + timedelta(hours=1)}
        session.execute(update(Delivery).where(Delivery.id.in_([first, second])).values(early))
        session.execute(update(Delivery).where(Delivery.id.in_([third, fourth])).values(expires_at=NOON))
    wanted = {SendState.ACCEPTED: 2, SendState.QUEUED: 2, SendState.EXPIRED: 2}
    drive(sessions, vault, provider, until=lambda: states(sessions, run_id) == wanted)
    assert len(provider.accepted) == 2


def test_closed_addresses_are_suppressed(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, provider = running(sessions, vault, 3), MemoryProvider()
    with sessions.begin() as session:
        session.scalars(select(Address).order_by(Address.id)).first().state = AddressState.OPTED_OUT  # type: ignore[union-attr]
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.ACCEPTED: 2, SendState.SUPPRESSED: 1}


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "ciphertext", [b"\x01 not what we sealed, but long enough", b"\x01short", b"\x01", b"\xc8 by another key", b""]
)
def test_damaged_row_holds_up_nobody(sessions: sessionmaker[Session], vault: Vault, ciphertext: bytes) -> None:
    run_id, provider = running(sessions, vault, 5), MemoryProvider()
    with sessions.begin() as session:
        one, two, *_ = session.scalars(select(Address).order_by(Address.id)).all()
        one.ciphertext = ciphertext
        session.execute(update(Delivery).where(Delivery.address_id == two.id).values(text_id=99_999))
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.ACCEPTED: 3, SendState.FAILED: 2}


def test_row_that_breaks_our_code_holds_up_nobody(
    sessions: sessionmaker[Session], vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener = Vault.opener

    def breaking(self: Vault, **place: str) -> Callable[[bytes, int], str]:
        opened, seen = opener(self, **place), set[int]()

        def open_row(sealed: bytes, row_id: int) -> str:
            seen.add(row_id)
            if min(seen) == row_id:
                raise ZeroDivisionError
            return opened(sealed, row_id)

        return open_row

    run_id, provider = running(sessions, vault, 5), MemoryProvider()
    monkeypatch.setattr(Vault, "opener", breaking)
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.ACCEPTED: 4, SendState.FAILED: 1}


def test_fault_of_ours_is_unknown(sessions: sessionmaker[Session], vault: Vault) -> None:
    def behave(outgoing: Outgoing, nth: int) -> None:
        raise ZeroDivisionError

    run_id, provider = running(sessions, vault, 1), MemoryProvider(behave)
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert states(sessions, run_id) == {SendState.UNKNOWN: 1}


def test_pace_is_kept(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, pace=40.0)
        run_id = a_running_run(session, vault, count=40, sender=sender).id
    provider = MemoryProvider()
    started = datetime.now(UTC)
    drive(sessions, vault, provider, until=settled(sessions, run_id))
    assert datetime.now(UTC) - started > timedelta(seconds=0.85)


def test_two_runs_take_turns(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, pace=100_000.0)
        first = a_running_run(session, vault, count=400, sender=sender).id
        second = a_running_run(session, vault, count=400, sender=sender).id
        numbers = dict(session.execute(select(Delivery.reference, Delivery.run_id)).all())
    provider = MemoryProvider()
    drive(
        sessions,
        vault,
        provider,
        until=lambda: settled(sessions, first)() and settled(sessions, second)(),
    )
    runs = [numbers[outgoing.reference] for outgoing in provider.accepted]
    assert {first, second} == set(runs[:300])


def test_refused_gateway_pauses_its_rehearsals(sessions: sessionmaker[Session], vault: Vault) -> None:
    def refuse(sender: SenderFacts) -> Gateway:
        raise GatewayRefusedError("Only the sandbox may be reached.")

    run_id = running(sessions, vault, 1, is_rehearsal=True)

    def paused() -> bool:
        with sessions() as session:
            return session.get_one(Run, run_id).state == RunState.PAUSED

    drive(sessions, vault, refuse, until=paused)
    with sessions() as session:
        assert "Only the sandbox" in str(session.get_one(Run, run_id).reason)


def test_two_workers_share_a_run(sessions: sessionmaker[Session], vault: Vault) -> None:
    run_id, providers = running(sessions, vault, 300), [MemoryProvider(seconds=0.002) for _ in range(2)]
    with ThreadPoolExecutor(2) as workers:
        ends = [
            workers.submit(drive, sessions, vault, provider, until=settled(sessions, run_id))
            for provider in providers
        ]
        for end in ends:
            end.result()
    assert states(sessions, run_id) == {SendState.ACCEPTED: 300}
    calls = providers[0].calls + providers[1].calls
    assert sorted(calls.values()) == [1] * 300
