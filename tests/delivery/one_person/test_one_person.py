"""A stop or hold on one channel counts on every other: at the claim, the fence, and for what is queued again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.consent.ledger import restore, withdraw_everywhere
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, Refusal
from campaigns.delivery.engine.ports import Ask, Claimed, Result
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery
from campaigns.delivery.receipts.merge import apply_receipts, store
from campaigns.delivery.refusals import suppress_addresses
from campaigns.delivery.service import cancel_queued, requeue_cancelled
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Run, RunState
from campaigns.planning.policy import USUAL
from tests.delivery.builders import (
    a_planned_run,
    a_refusal,
    a_running_run,
    frozen,
    give_addresses,
    minutes_ago,
    people,
)
from tests.delivery.provider import MemoryProvider
from tests.delivery.repair.test_reconcile import ask as ask_provider
from tests.delivery.repair.test_reconcile import note_account
from tests.factories import a_sender, an_organisation

pytestmark = pytest.mark.one_database

#: What builders begin the number of the only person with.
PREFIX = "+38067"


@dataclass
class Scene:
    """A run over SMS first and another channel second, with one message queued by SMS."""

    sessions: sessionmaker[Session]
    vault: Vault
    run_id: int
    #: Their address by SMS, and the one on which they say stop.
    sms: int
    other: int
    sms_sender: int
    #: How they say no: withdraw_everywhere or hold_everywhere.
    refuse: Callable[..., list[int]] = withdraw_everywhere

    def stop(self, *, suppress: bool = True) -> None:
        """Say no on the other channel; the queue may be looked through, or have been too early."""
        with self.sessions.begin() as session:
            address = session.get_one(Address, self.other)
            said = Declaration("keyword", "reply 1", clock.now())
            stopped = self.refuse(session, HashedHandle.of(address), said)
            if suppress:
                suppress_addresses(session, stopped)

    def claim(self) -> list[Claimed]:
        line = Line(self.sms_sender, Channel.SMS)
        return list(self.store.exchange((), Ask(line, self.run_id, after=0, limit=5)).claimed)

    @property
    def store(self) -> DatabaseStore:
        return DatabaseStore(self.sessions, self.vault)

    def state(self) -> SendState:
        with self.sessions() as session:
            return SendState(session.scalars(select(Delivery.send_state)).one())

    def set_run(self, state: RunState) -> None:
        with self.sessions.begin() as session:
            session.get_one(Run, self.run_id).state = state


#: Another channel of the same contact, the same number in a contact of others, and a contact of ours made twice.
WHERE = ("whatsapp", "telegram", "elsewhere", "twice")
REFUSALS = (withdraw_everywhere, hold_everywhere)


@pytest.fixture(params=[*WHERE, "whatsapp, perhaps", "elsewhere, perhaps"])
def scene(request: pytest.FixtureRequest, sessions: sessionmaker[Session], vault: Vault) -> Scene:
    where, _, perhaps = request.param.partition(", ")
    scene = make(sessions, vault, where)
    scene.refuse = hold_everywhere if perhaps else withdraw_everywhere
    return scene


def make(sessions: sessionmaker[Session], vault: Vault, where: str, **deliveries: Any) -> Scene:
    channel = Channel.TELEGRAM if where == "telegram" else Channel.WHATSAPP
    with sessions.begin() as session:
        sms, other = a_sender(session), a_sender(session, channel=channel, name="Other", identity="+15005550007")
        run = a_running_run(session, vault, count=1, senders=[sms, other], deliveries=deliveries)
        delivery = session.scalars(select(Delivery)).one()
        contact_id, organisation_id = delivery.contact_id, run.organisation_id
        if where == "elsewhere":
            organisation_id = an_organisation(session).id
        if where in ("elsewhere", "twice"):
            [contact_id] = people(session, organisation_id, vault, count=1, prefix="+38099")
            session.delete(session.scalars(select(Address).where(Address.contact_id == contact_id)).one())
            session.flush()
        prefix = "5000" if channel is Channel.TELEGRAM else PREFIX
        facts: dict[str, Any] = {"prefix": prefix, "channel": channel, "heard_at": clock.now()}
        given = give_addresses(session, organisation_id, vault, [contact_id], **facts)
        return Scene(sessions, vault, run.id, delivery.address_id, given[contact_id], sms.id)


@pytest.mark.both_databases
def test_queue_is_emptied(scene: Scene) -> None:
    scene.stop()
    assert scene.state() is SendState.SUPPRESSED


def test_claim_looks_again(scene: Scene) -> None:
    scene.stop(suppress=False)
    assert scene.claim() == []
    assert scene.state() is SendState.SUPPRESSED


def test_fence_knows_every_channel(scene: Scene) -> None:
    [claimed] = scene.claim()
    fence = Fence(lambda: 0.0)
    fence.refresh(scene.store.snapshot(), asked_at=0.0)
    fence.check(claimed)
    scene.stop()
    assert scene.state() is SendState.SENDING
    fence.refresh(scene.store.snapshot(), asked_at=0.0)
    with pytest.raises(FenceRefusedError) as refused:
        fence.check(claimed)
    assert refused.value.refusal is Refusal.WITHDRAWN


def test_retry_after_throttling_is_not_made(scene: Scene) -> None:
    [claimed] = scene.claim()
    scene.stop()
    again = Result(
        claimed.id,
        claimed.token,
        SendState.QUEUED,
        claimed.attempts,
        error="20429",
        due_at=clock.now() - timedelta(seconds=1),
        outcome="throttled",
    )
    scene.store.exchange([again], None)
    assert scene.state() is SendState.QUEUED
    assert scene.claim() == []
    assert scene.state() is SendState.SUPPRESSED


def test_resumed_run_does_not_write(scene: Scene) -> None:
    scene.set_run(RunState.STOPPED)
    with scene.sessions.begin() as session:
        assert cancel_queued(session, scene.run_id) == 1
    scene.stop()
    scene.set_run(RunState.RUNNING)
    with scene.sessions.begin() as session:
        assert requeue_cancelled(session, scene.run_id) == 1
    assert scene.claim() == []
    assert scene.state() is SendState.SUPPRESSED


@pytest.mark.parametrize("refuse", REFUSALS)
@pytest.mark.parametrize("where", WHERE)
def test_message_that_the_provider_never_had_is_not_made_up_for(
    sessions: sessionmaker[Session], vault: Vault, where: str, refuse: Callable[..., list[int]]
) -> None:
    doubt = {"send_state": SendState.UNKNOWN, "intent_at": minutes_ago(120), "attempts": 1, "token": "t" * 32}
    scene = make(sessions, vault, where, **doubt)
    scene.refuse = refuse
    with sessions.begin() as session:
        run = session.get_one(Run, scene.run_id)
        run.frozen = frozen(resend_unknown=True)
        note_account(session, run, MemoryProvider.account, minutes=600)
    scene.stop()
    ask_provider(sessions, vault, MemoryProvider(), times=2)
    assert scene.state() is SendState.QUEUED
    assert scene.claim() == []
    assert scene.state() is SendState.SUPPRESSED


@pytest.mark.parametrize("where", ["whatsapp", "telegram"])
@pytest.mark.parametrize("refuse", [*REFUSALS, None])
def test_refused_message_goes_on_over_no_channel(
    sessions: sessionmaker[Session], vault: Vault, where: str, refuse: Callable[..., list[int]] | None
) -> None:
    scene = make(sessions, vault, where)
    [claimed] = scene.claim()
    if refuse is not None:
        scene.refuse = refuse
        scene.stop()
    scene.store.exchange([a_refusal(claimed, "30006", falls_back=True)], None)
    assert scene.state() is (SendState.QUEUED if refuse is None else SendState.FAILED)


@pytest.mark.parametrize("how", ["answer", "receipt"])
def test_stop_that_a_provider_reports_holds_everywhere(scene: Scene, how: str) -> None:
    with scene.sessions() as session:
        reference = session.scalars(select(Delivery.reference)).one()
    [claimed] = scene.claim()
    if how == "answer":
        refused = a_refusal(claimed, "21610", address_id=scene.sms, action=Action.OPT_OUT)
        scene.store.exchange([refused], None)
    else:
        with scene.sessions.begin() as session:
            store(
                session,
                [StatusUpdate(reference, "SM1", "failed", "21610", action=Action.OPT_OUT)],
                gateway="twilio",
            )
            apply_receipts(session, 10)
    with scene.sessions() as session:
        assert session.get_one(Address, scene.sms).state == AddressState.OPTED_OUT
        assert session.get_one(Address, scene.other).state == AddressState.OPTED_OUT


def test_start_on_one_channel_leaves_the_other_stopped(sessions: sessionmaker[Session], vault: Vault) -> None:
    scene = make(sessions, vault, "whatsapp")
    scene.stop(suppress=False)
    with sessions.begin() as session:
        other = session.get_one(Address, scene.other)
        said = Declaration("keyword", "reply 2", clock.now())
        assert restore(session, HashedHandle(other.lookup, Channel.WHATSAPP, other.number), said) == [scene.other]
    assert scene.claim() == []
    assert scene.state() is SendState.SUPPRESSED


@pytest.fixture
def halfway(postgres_engine: Engine) -> Iterator[list[Any]]:
    """Acts that are done once the people of a chunk are written and before its deliveries are."""
    acts: list[Any] = []

    def look(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if statement.startswith("INSERT INTO fan_out_people") and acts:
            acts.pop()()

    event.listen(postgres_engine, "after_cursor_execute", look)
    yield acts
    event.remove(postgres_engine, "after_cursor_execute", look)


@pytest.mark.both_databases
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
@pytest.mark.parametrize("refuse", REFUSALS)
@pytest.mark.parametrize("where", WHERE[:3])
def test_stop_beside_a_fan_out_holds(
    sessions: sessionmaker[Session],
    vault: Vault,
    halfway: list[Any],
    where: str,
    refuse: Callable[..., list[int]],
) -> None:
    """SQLite has one writer: there the stop comes before or after the chunk."""
    scene = make(sessions, vault, where)
    with sessions.begin() as session:
        campaign = session.get_one(Run, scene.run_id).campaign
        session.delete(session.scalars(select(Delivery)).one())
        scene.run_id = a_planned_run(session, campaign=campaign, frozen=frozen()).id
    scene.refuse = refuse
    halfway.append(scene.stop)
    fan_out(sessions, scene.run_id, policy=USUAL)
    assert halfway == []
    assert scene.state() is SendState.QUEUED
    assert scene.claim() == []
    assert scene.state() is SendState.SUPPRESSED
