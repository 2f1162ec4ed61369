"""An answer is sent once, before campaigns, whatever was refused before it, and by no refusal after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere
from campaigns.audience.consent.ledger import withdraw_everywhere
from campaigns.audience.consent.person import lock_addresses
from campaigns.audience.models import Address, AddressState, Channel, Consent
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.answers.answer_runs import AnswerText, queue_answer
from campaigns.delivery.engine.fair_queue import FairQueue
from campaigns.delivery.engine.fence import Fence, FenceRefusedError, Refusal
from campaigns.delivery.engine.ports import Ask, Claimed
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line
from campaigns.delivery.models import Delivery, RunText
from campaigns.delivery.refusals import suppress_addresses
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.service import expire_resting
from campaigns.delivery.states import SendState
from campaigns.planning.models import Run, RunState, Sender
from tests.delivery.builders import a_running_run

pytestmark = pytest.mark.one_database

WORDS = "You can sleep at the station, platform 4."
REFUSALS = (withdraw_everywhere, hold_everywhere)


@dataclass
class Desk:
    """One person, who is in a campaign's run as well, and the sender that both go over."""

    sessions: sessionmaker[Session]
    vault: Vault
    address_id: int
    sender_id: int
    campaign_run_id: int

    def refuse(self, how: Callable[..., list[int]] = withdraw_everywhere, *, sees_queue: bool = True) -> None:
        with self.sessions.begin() as session:
            said = Declaration("keyword", "reply 1", clock.now())
            closed = how(session, HashedHandle.of(session.get_one(Address, self.address_id)), said)
            if sees_queue:
                suppress_addresses(session, closed)

    def answer(self, *, lives: timedelta = timedelta(hours=1)) -> int:
        with self.sessions.begin() as session:
            [address] = lock_addresses(session, [self.address_id])
            sender, text = session.get_one(Sender, self.sender_id), AnswerText("uk", WORDS)
            return queue_answer(session, address, sender, text, vault=self.vault, until=clock.now() + lives).id

    def claim(self, run_id: int) -> list[Claimed]:
        ask = Ask(Line(self.sender_id, Channel.SMS), run_id, after=0, limit=5, is_answer=True)
        return list(self.store.exchange((), ask).claimed)

    @property
    def store(self) -> DatabaseStore:
        return DatabaseStore(self.sessions, self.vault)

    def state(self, run_id: int) -> SendState:
        with self.sessions() as session:
            return SendState(session.scalars(select(Delivery.send_state).where(Delivery.run_id == run_id)).one())


@pytest.fixture
def desk(sessions: sessionmaker[Session], vault: Vault) -> Desk:
    with sessions.begin() as session:
        run = a_running_run(session, vault, count=1)
        delivery = session.scalars(select(Delivery)).one()
        return Desk(sessions, vault, delivery.address_id, run.sender_id, run.id)


def test_words_are_sealed_and_called_in_the_clear(desk: Desk) -> None:
    run_id = desk.answer()
    with desk.sessions() as session:
        text = session.scalars(select(RunText).where(RunText.run_id == run_id)).one()
        assert text.body is None
        assert text.sealed_body is not None
        assert WORDS.encode() not in text.sealed_body
    [claimed] = desk.claim(run_id)
    assert (claimed.body, claimed.is_answer) == (WORDS, True)
    assert desk.claim(run_id) == []


def test_answer_goes_before_what_a_campaign_has_due(desk: Desk) -> None:
    run_id = desk.answer()
    queue = FairQueue(Line(desk.sender_id, Channel.SMS))
    queue.keep(desk.store.snapshot().runs)
    ask = queue.next(clock.now(), 5)
    assert ask is not None
    assert (ask.run_id, ask.is_answer) == (run_id, True)


@pytest.mark.parametrize("how", REFUSALS)
def test_who_refused_before_is_answered(desk: Desk, how: Callable[..., list[int]]) -> None:
    desk.refuse(how)
    with desk.sessions.begin() as session:
        session.execute(update(Consent).values(recorded_at=clock.now() - timedelta(seconds=30)))
    run_id = desk.answer()
    [claimed] = desk.claim(run_id)
    snapshot = desk.store.snapshot()
    assert desk.address_id in snapshot.withdrawn
    fence = Fence(lambda: 0.0)
    fence.refresh(snapshot, asked_at=0.0)
    fence.check(claimed)


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("sees_queue", [False, True])
def test_refusal_after_it_closes_it(
    desk: Desk, how: Callable[..., list[int]], before: bool, sees_queue: bool
) -> None:
    if before:
        desk.refuse()
    run_id = desk.answer()
    desk.refuse(how, sees_queue=sees_queue)
    assert desk.claim(run_id) == []
    assert desk.state(run_id) is SendState.SUPPRESSED


@pytest.mark.parametrize("before", [False, True])
def test_refusal_after_the_claim_closes_the_fence(desk: Desk, before: bool) -> None:
    if before:
        desk.refuse()
    run_id = desk.answer()
    [claimed] = desk.claim(run_id)
    desk.refuse()
    fence = Fence(lambda: 0.0)
    fence.refresh(desk.store.snapshot(), asked_at=0.0)
    with pytest.raises(FenceRefusedError) as refused:
        fence.check(claimed)
    assert refused.value.refusal is Refusal.WITHDRAWN


def test_dead_number_is_not_called(desk: Desk) -> None:
    run_id = desk.answer()
    with desk.sessions.begin() as session:
        session.get_one(Address, desk.address_id).state = AddressState.INVALID
    assert desk.claim(run_id) == []
    assert desk.state(run_id) is SendState.SUPPRESSED


def test_what_nobody_sends_in_time_expires(desk: Desk) -> None:
    run_id = desk.answer(lives=timedelta(seconds=-1))
    assert desk.claim(run_id) == []
    assert desk.state(run_id) is SendState.EXPIRED


def test_run_ends_with_its_answer(desk: Desk) -> None:
    run_id = desk.answer()
    [claimed] = desk.claim(run_id)
    with desk.sessions.begin() as session:
        session.scalars(select(Delivery).where(Delivery.id == claimed.id)).one().send_state = SendState.ACCEPTED
    sweep(desk.sessions)
    with desk.sessions() as session:
        assert session.get_one(Run, run_id).state == RunState.DONE
        assert session.get_one(Run, desk.campaign_run_id).state == RunState.RUNNING


@pytest.mark.both_databases
def test_what_nothing_is_claimed_for_expires_long_after_its_time(desk: Desk) -> None:
    run_id = desk.answer()
    with desk.sessions.begin() as session:
        assert expire_resting(session, now=clock.now() + timedelta(minutes=65)) == 0
        assert expire_resting(session, now=clock.now() + timedelta(minutes=75)) == 1
    assert desk.state(run_id) is SendState.EXPIRED
