"""Each sender has a lane of its own: pace, limit, health and rehearsals of one do not touch another's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core.errors import GatewayRefusedError, SettingsError
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.claims import Claims
from campaigns.delivery.lanes.daily_limits import count_called
from campaigns.delivery.lanes.lane_jobs import select_wanted
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts
from campaigns.delivery.models import Attempt, Delivery, RunText, RunZone, SenderAccount
from campaigns.delivery.queries import progress_of
from campaigns.delivery.receipts.merge import apply_receipts, store
from campaigns.delivery.rehearsal_addresses import stand_in
from campaigns.delivery.service import expire_resting
from campaigns.delivery.states import SendState
from campaigns.gateways.base import (
    Action,
    Gateway,
    Outgoing,
    RejectedError,
    SendError,
    Template,
    ThrottledError,
)
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Health, Run, RunState, Sender
from tests.delivery.builders import a_running_run, minutes_ago
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import NOON, a_sender

pytestmark = pytest.mark.one_database

BLAMED = RejectedError("21606", Action.PAUSE_SENDER)


def always(error: SendError) -> MemoryProvider:
    def behave(outgoing: Outgoing, nth: int) -> None:
        raise error

    return MemoryProvider(behave)


def health_of(sessions: sessionmaker[Session], sender_id: int) -> tuple[Health, str]:
    with sessions() as session:
        sender = session.get_one(Sender, sender_id)
        return Health(sender.health), sender.health_code


def states(sessions: sessionmaker[Session], run_id: int) -> dict[SendState, int]:
    with sessions() as session:
        return progress_of(session, run_id)


@pytest.fixture
def shared(sessions: sessionmaker[Session], vault: Vault) -> tuple[int, int, int]:
    """A run of 40 deliveries, every second over another sender; returns run and senders."""
    with sessions.begin() as session:
        senders = [a_sender(session), a_sender(session, identity="OTHER")]
        run = a_running_run(session, vault, count=40, senders=senders)
        half = select(Delivery.id).where(Delivery.id % 2 == 0)
        session.execute(update(Delivery).where(Delivery.id.in_(half)).values(sender_id=senders[1].id))
        return run.id, senders[0].id, senders[1].id


def by_sender(providers: dict[int, MemoryProvider]) -> Callable[[SenderFacts], Gateway]:
    return lambda sender: providers[sender.sender_id]


def test_each_sender_sends_its_own(
    sessions: sessionmaker[Session], vault: Vault, shared: tuple[int, int, int]
) -> None:
    run_id, one, other = shared
    providers = {one: MemoryProvider(), other: MemoryProvider()}
    drive(sessions, vault, by_sender(providers), until=settled(sessions, run_id))
    assert {outgoing.sender for outgoing in providers[one].accepted} == {"+15005550006"}
    assert {outgoing.sender for outgoing in providers[other].accepted} == {"OTHER"}
    assert [len(provider.accepted) for provider in providers.values()] == [20, 20]


def test_blamed_sender_stops_and_the_other_goes_on(
    sessions: sessionmaker[Session], vault: Vault, shared: tuple[int, int, int]
) -> None:
    run_id, one, other = shared
    providers = {one: always(BLAMED), other: MemoryProvider(seconds=0.01)}

    def is_over() -> bool:
        return health_of(sessions, one)[0] is Health.PAUSED and len(providers[other].accepted) == 20

    drive(sessions, vault, by_sender(providers), until=is_over, window=4)
    assert health_of(sessions, one) == (Health.PAUSED, "21606")
    assert health_of(sessions, other) == (Health.WELL, "")
    assert states(sessions, run_id) == {SendState.ACCEPTED: 20, SendState.QUEUED: 20}
    assert sum(providers[one].calls.values()) <= 12
    with sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.RUNNING


def test_mended_sender_goes_on(
    sessions: sessionmaker[Session], vault: Vault, shared: tuple[int, int, int]
) -> None:
    run_id, one, other = shared
    with sessions.begin() as session:
        sender = session.get_one(Sender, one)
        sender.health = Health.PAUSED
    providers = {one: MemoryProvider(), other: MemoryProvider()}

    async def mend() -> None:
        assert providers[one].accepted == []
        with sessions.begin() as session:
            session.get_one(Sender, one).health = Health.WELL

    drive(sessions, vault, by_sender(providers), until=settled(sessions, run_id), meanwhile=mend)
    assert len(providers[one].accepted) == 20


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("Set FINGERPOST_SECRET_TWILIO to account:token."), "no_credential"),
        (GatewayRefusedError("Only the sandbox may be reached."), "not_opened"),
        (ZeroDivisionError(), "not_opened"),
    ],
)
def test_sender_that_cannot_be_opened_is_paused_and_the_others_go_on(
    sessions: sessionmaker[Session], vault: Vault, shared: tuple[int, int, int], error: Exception, code: str
) -> None:
    run_id, one, _ = shared
    provider = MemoryProvider()

    def open_gateway(sender: SenderFacts) -> Gateway:
        if sender.sender_id == one:
            raise error
        return provider

    def is_over() -> bool:
        return health_of(sessions, one) == (Health.PAUSED, code) and len(provider.accepted) == 20

    drive(sessions, vault, open_gateway, until=is_over)
    with sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.RUNNING


def test_sender_that_is_off_sends_nothing_and_the_other_goes_on(
    sessions: sessionmaker[Session], vault: Vault, shared: tuple[int, int, int]
) -> None:
    run_id, one, other = shared
    providers = {one: MemoryProvider(), other: MemoryProvider()}

    def switch(*, is_on: bool) -> None:
        with sessions.begin() as session:
            session.get_one(Sender, one).active = is_on

    async def go_on() -> None:
        await asyncio.sleep(1.0)
        assert [len(providers[each].accepted) for each in (one, other)] == [0, 20]
        switch(is_on=True)

    switch(is_on=False)
    drive(sessions, vault, by_sender(providers), until=settled(sessions, run_id), meanwhile=go_on)
    assert len(providers[one].accepted) == 20


def test_sender_that_is_switched_off_while_it_sends_stops(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, pace=20.0)
        run_id = a_running_run(session, vault, count=100, sender=sender).id
    provider, seen = MemoryProvider(), list[int]()

    async def switch_off() -> None:
        while not provider.accepted:
            await asyncio.sleep(0.05)
        with sessions.begin() as session:
            session.get_one(Sender, sender.id).active = False
        for seconds in (1.0, 1.0):
            await asyncio.sleep(seconds)
            seen.append(len(provider.accepted))

    drive(sessions, vault, provider, until=lambda: len(seen) == 2, meanwhile=switch_off)
    assert seen[0] == seen[1] < 100
    assert states(sessions, run_id) == {SendState.ACCEPTED: seen[0], SendState.QUEUED: 100 - seen[0]}


def test_sender_that_may_not_be_used_has_no_lane_but_in_a_rehearsal(session: Session, vault: Vault) -> None:
    senders = [a_sender(session), a_sender(session, active=False), a_sender(session, health=Health.PAUSED)]
    a_running_run(session, vault, count=1, senders=senders)
    a_running_run(session, vault, count=1, senders=senders, is_rehearsal=True)
    wanted = {tuple(row) for row in session.execute(select_wanted())}
    assert wanted == {(senders[0].id, False), *((sender.id, True) for sender in senders)}


def test_held_sender_is_troubled_until_it_works(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=4)
    seen: set[tuple[Health, str]] = set()

    def behave(outgoing: Outgoing, nth: int) -> None:
        if nth == 1 and outgoing.to.endswith("1"):
            raise ThrottledError("20429", retry_after_seconds=0.5)

    def is_over() -> bool:
        seen.add(health_of(sessions, run.sender_id))
        return len(seen) > 1 and health_of(sessions, run.sender_id)[0] is Health.WELL

    drive(sessions, vault, MemoryProvider(behave), until=is_over, window=1)
    assert (Health.TROUBLED, "20429") in seen
    assert health_of(sessions, run.sender_id) == (Health.WELL, "")


def test_blaming_receipt_pauses_the_sender(session: Session, vault: Vault) -> None:
    run = a_running_run(session, vault, count=1, deliveries={"send_state": SendState.ACCEPTED})
    reference = session.scalars(select(Delivery.reference)).one()
    blame = StatusUpdate(reference, "SM1", "failed", "63018", action=Action.PAUSE_SENDER)
    store(session, [blame], gateway="twilio")
    apply_receipts(session)
    session.expire_all()
    assert (run.sender.health, run.sender.health_code) == (Health.PAUSED, "63018")


@pytest.mark.parametrize(
    ("health", "called", "after"),
    [
        (Health.WELL, 61, Health.WELL),
        (Health.WELL, 59, Health.PAUSED),
        (Health.TROUBLED, 61, Health.PAUSED),
    ],
)
def test_mended_sender_is_not_paused_by_what_was_called_before(
    session: Session, vault: Vault, health: Health, called: int, after: Health
) -> None:
    sender = a_sender(session, health=health, health_at=minutes_ago(60))
    before = {"send_state": SendState.ACCEPTED, "intent_at": minutes_ago(called)}
    run = a_running_run(session, vault, count=1, sender=sender, deliveries=before)
    reference = session.scalars(select(Delivery.reference)).one()
    store(
        session, [StatusUpdate(reference, "SM1", "failed", "63018", action=Action.PAUSE_SENDER)], gateway="twilio"
    )
    apply_receipts(session)
    session.expire_all()
    assert run.sender.health == after


def test_daily_limit_is_never_passed(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, daily_limit=12)
        recent = {"send_state": SendState.ACCEPTED, "intent_at": minutes_ago(60 * 23)}
        a_running_run(session, vault, count=5, sender=sender, state=RunState.DONE, deliveries=recent)
        old = {"send_state": SendState.ACCEPTED, "intent_at": minutes_ago(60 * 25)}
        a_running_run(session, vault, count=5, sender=sender, state=RunState.DONE, deliveries=old)
        run_id = a_running_run(session, vault, count=30, sender=sender).id
    provider = MemoryProvider()
    started = datetime.now(UTC)
    drive(
        sessions,
        vault,
        provider,
        until=lambda: len(provider.accepted) >= 7 and (datetime.now(UTC) - started).total_seconds() > 1.5,
        window=4,
    )
    assert states(sessions, run_id) == {SendState.ACCEPTED: 7, SendState.QUEUED: 23}


def test_what_was_passed_on_counts_for_the_limit(session: Session, vault: Vault) -> None:
    """The provider counted the message, although another sender has the delivery now."""
    sender = a_sender(session, channel=Channel.WHATSAPP, daily_limit=12)
    a_running_run(session, vault, count=1)
    (delivery,) = session.scalars(select(Delivery))
    sent = {"delivery_id": delivery.id, "number": 1, "sender_id": sender.id, "provider_id": "SM1"}
    for at, changes in ((5, {}), (5, {"provider_id": None}), (25 * 60, {}), (5, {"reference": "r-1"})):
        session.add(Attempt(**sent | {"outcome": "fell_back", "at": minutes_ago(at)} | changes))
    session.flush()
    assert count_called(session.connection(), sender.id, Channel.WHATSAPP) == 1


@pytest.mark.parametrize("changes", [{"health": Health.PAUSED}, {"active": False}])
def test_what_waits_for_a_resting_sender_expires(
    session: Session, vault: Vault, changes: dict[str, object]
) -> None:
    paused = a_sender(session, **changes)
    late = a_running_run(session, vault, count=3, sender=paused, deliveries={"expires_at": NOON})
    early = a_running_run(session, vault, count=3, sender=paused)
    well = a_running_run(session, vault, count=3, deliveries={"expires_at": NOON})
    assert expire_resting(session) == 3
    assert progress_of(session, late.id) == {SendState.EXPIRED: 3}
    assert progress_of(session, early.id) == progress_of(session, well.id) == {SendState.QUEUED: 3}


@pytest.mark.both_databases
def test_what_nothing_is_claimed_for_expires_long_after_the_time_of_its_run(
    session: Session, vault: Vault
) -> None:
    """Its sender is well and serves others; its credential is no more that of the run's organisation."""
    over, open_ = (a_running_run(session, vault, count=2, deliveries={"expires_at": NOON}) for _ in range(2))
    session.execute(update(RunZone).where(RunZone.run_id == over.id).values(expires_at=NOON))
    assert expire_resting(session, now=NOON + timedelta(minutes=5)) == 0
    assert expire_resting(session, now=NOON + timedelta(minutes=15)) == 2
    assert progress_of(session, over.id) == {SendState.EXPIRED: 2}
    assert progress_of(session, open_.id) == {SendState.QUEUED: 2}


def test_rehearsal_writes_to_stand_ins_only(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        sender = a_sender(session, health=Health.PAUSED)
        run = a_running_run(session, vault, count=6, sender=sender, is_rehearsal=True)
        ids = session.scalars(select(Delivery.id)).all()
    opened: list[SenderFacts] = []
    provider = MemoryProvider()

    def open_gateway(facts: SenderFacts) -> Gateway:
        opened.append(facts)
        return provider

    drive(sessions, vault, open_gateway, until=settled(sessions, run.id))
    assert {facts.is_rehearsal for facts in opened} == {True}
    assert {outgoing.to for outgoing in provider.accepted} == {stand_in(id_, Channel.SMS, "UA") for id_ in ids}
    assert health_of(sessions, sender.id)[0] is Health.PAUSED


def test_rehearsal_marks_nobody(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=4, is_rehearsal=True)
    refusals = [("21610", Action.OPT_OUT), ("21614", Action.INVALIDATE_ADDRESS)]

    def behave(outgoing: Outgoing, nth: int) -> None:
        code, action = refusals[int(outgoing.to[-1]) % 2]
        raise RejectedError(code, action)

    drive(sessions, vault, MemoryProvider(behave), until=settled(sessions, run.id))
    assert states(sessions, run.id) == {SendState.FAILED: 4}
    with sessions() as session:
        assert session.scalar(select(func.count()).where(Address.state != AddressState.ACTIVE)) == 0


def test_blame_in_a_rehearsal_pauses_the_run(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=20, is_rehearsal=True)

    def is_paused() -> bool:
        with sessions() as session:
            return session.get_one(Run, run.id).state == RunState.PAUSED

    drive(sessions, vault, always(BLAMED), until=is_paused, window=2)
    assert health_of(sessions, run.sender_id) == (Health.WELL, "")


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("channel", "parts", "template"),
    [
        (Channel.SMS, 3, None),
        (Channel.WHATSAPP, 1, Template("HX1", {"1": "a"})),
        (Channel.TELEGRAM, 1, None),
    ],
)
def test_each_channel_takes_what_it_needs(
    session: Session, vault: Vault, channel: Channel, parts: int, template: Template | None
) -> None:
    run = a_running_run(session, vault, count=1)
    session.execute(update(RunText).values(parts=3, content_sid="HX1", content_variables={"1": "a"}))
    ask = Ask(Line(run.sender_id, channel), run.id, 0, 10)
    (claimed,) = Claims(vault).claim(session.connection(), ask).claimed
    assert (claimed.parts, claimed.template) == (parts, template)


@pytest.mark.both_databases
def test_account_is_noted_before_a_call(sessions: sessionmaker[Session], vault: Vault) -> None:
    """Lanes over the same account note it once; the credential may open another one after a restart."""
    with sessions.begin() as session:
        sender = a_sender(session)
    noted: Sequence[SenderAccount] = []
    for account in ("AC1", "AC1", "AC2"):
        provider = MemoryProvider(prefix=account)
        provider.account = account
        with sessions.begin() as session:
            run_id = a_running_run(session, vault, count=2, sender=sender).id
        drive(sessions, vault, provider, until=settled(sessions, run_id))
        with sessions() as session:
            noted = session.scalars(select(SenderAccount).order_by(SenderAccount.id)).all()
            called = session.scalar(select(func.min(Delivery.intent_at)).where(Delivery.run_id == run_id))
        assert called is not None
        assert noted[-1].since <= called
    assert [(each.sender_id, each.account, each.is_rehearsal) for each in noted] == [
        (sender.id, "AC1", False),
        (sender.id, "AC2", False),
    ]
