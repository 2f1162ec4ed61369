"""A person whom a channel refuses for good is tried over the next sender; never after a stop, never in doubt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.models import Address, AddressState, Channel
from campaigns.continuity.latch import hold_instance
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.engine.ports import Ask
from campaigns.delivery.engine.queue.store import DatabaseStore
from campaigns.delivery.lanes.sender_facts import Line, SenderFacts
from campaigns.delivery.models import Attempt, Delivery
from campaigns.delivery.queries import progress_of
from campaigns.delivery.receipts.merge import apply_receipts, store
from campaigns.delivery.repair.sweeps import sweep
from campaigns.delivery.states import SendState
from campaigns.gateways.base import Action, Gateway, Outgoing, RejectedError, SendError, UnknownOutcomeError
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Run, RunSender, RunState
from tests.delivery.builders import a_refusal, a_running_run, give_addresses
from tests.delivery.driving import drive, settled
from tests.delivery.provider import MemoryProvider
from tests.factories import a_sender

pytestmark = pytest.mark.one_database

NOT_ON_IT = RejectedError("63003", Action.OTHER_CHANNEL)


class Two:
    """A run over WhatsApp first and SMS second, to people who have both."""

    def __init__(self, sessions: sessionmaker[Session], vault: Vault, *, count: int, **changes: Any) -> None:
        self.sessions, self.vault = sessions, vault
        with sessions.begin() as session:
            first = a_sender(session, channel=Channel.WHATSAPP, name="WhatsApp")
            second = a_sender(session)
            run = a_running_run(session, vault, count=count, senders=[first, second], **changes)
            contacts = list(session.scalars(select(Delivery.contact_id).order_by(Delivery.id)))
            give = {"prefix": "+38067", "channel": Channel.WHATSAPP}
            by_whatsapp = give_addresses(session, run.organisation_id, vault, contacts, **give)
            for delivery in session.scalars(select(Delivery)):
                delivery.address_id, delivery.channel = by_whatsapp[delivery.contact_id], Channel.WHATSAPP
        self.run_id, self.first, self.second = run.id, first.id, second.id
        self.providers = {first.id: MemoryProvider(), second.id: MemoryProvider()}

    def send(self) -> None:
        drive(self.sessions, self.vault, self._open, until=settled(self.sessions, self.run_id))

    def states(self) -> dict[SendState, int]:
        with self.sessions() as session:
            return progress_of(session, self.run_id)

    def refuse(self, error: SendError) -> None:
        def behave(outgoing: Outgoing, nth: int) -> None:
            raise error

        self.providers[self.first].behave = behave

    def _open(self, sender: SenderFacts) -> Gateway:
        return self.providers[sender.sender_id]


@pytest.fixture
def two(sessions: sessionmaker[Session], vault: Vault) -> Callable[..., Two]:
    return lambda **changes: Two(sessions, vault, **{"count": 3, **changes})


def receive(session: Session, status: str, action: Action | None, *references: str) -> None:
    updates = [StatusUpdate(name, f"SM-{name}", status, "63003", action=action) for name in references]
    store(session, updates, gateway="twilio")
    while apply_receipts(session, 100):
        pass
    session.expire_all()


@pytest.mark.both_databases
def test_refused_person_is_reached_over_the_next_sender(two: Callable[..., Two]) -> None:
    run = two()
    run.refuse(NOT_ON_IT)
    with run.sessions() as session:
        before = {row.id: (row.reference, row.address_id) for row in session.scalars(select(Delivery))}
    run.send()
    assert run.states() == {SendState.ACCEPTED: 3}
    assert len(run.providers[run.second].accepted) == 3
    with run.sessions() as session:
        for row in session.scalars(select(Delivery)):
            assert (row.sender_id, row.channel, row.attempts) == (run.second, Channel.SMS, 1)
            assert row.reference != before[row.id][0]
        attempts = session.scalars(select(Attempt).where(Attempt.outcome == "fell_back")).all()
    kept = {row.delivery_id: (row.reference, row.address_id) for row in attempts}
    assert kept == before
    assert {(row.sender_id, row.error, row.provider_id) for row in attempts} == {(run.first, "63003", None)}


@pytest.mark.both_databases
def test_dead_address_is_marked_and_the_person_reached(two: Callable[..., Two]) -> None:
    run = two()
    run.refuse(RejectedError("21614", Action.INVALIDATE_ADDRESS))
    run.send()
    assert run.states() == {SendState.ACCEPTED: 3}
    with run.sessions() as session:
        states = session.execute(select(Address.channel, Address.state).distinct()).all()
    assert set(states) == {(Channel.WHATSAPP, AddressState.INVALID), (Channel.SMS, AddressState.ACTIVE)}


def test_answer_that_is_written_again_moves_nobody_twice(two: Callable[..., Two]) -> None:
    """The acknowledgement of a commit was lost, and by now the row has failed for good over its second sender."""
    run = two(count=1)
    with run.sessions.begin() as session:
        spare = a_sender(session, identity="+15005550008").id
        session.add(RunSender(run_id=run.run_id, rank=2, sender_id=spare, channel=Channel.SMS, countries=[]))
    books = DatabaseStore(run.sessions, run.vault)
    first, second = Line(run.first, Channel.WHATSAPP), Line(run.second, Channel.SMS)
    [claimed] = books.exchange((), Ask(first, run.run_id, after=0, limit=5)).claimed
    refused = a_refusal(claimed, "63003", falls_back=True)
    books.exchange([refused], None)
    [claimed] = books.exchange((), Ask(second, run.run_id, after=0, limit=5)).claimed
    books.exchange([a_refusal(claimed, "21211")], None)
    books.exchange([refused], None)
    with run.sessions() as session:
        row = session.scalars(select(Delivery)).one()
        assert (row.send_state, row.sender_id, row.error) == (SendState.FAILED, run.second, "21211")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (RejectedError("63014", Action.OPT_OUT), SendState.FAILED),
        (RejectedError("63049", Action.GIVE_UP), SendState.FAILED),
        (UnknownOutcomeError("timeout"), SendState.UNKNOWN),
    ],
)
def test_nothing_else_falls_back(two: Callable[..., Two], error: SendError, state: SendState) -> None:
    run = two()
    run.refuse(error)
    run.send()
    assert run.states() == {state: 3}
    assert run.providers[run.second].accepted == []


@pytest.mark.parametrize("state", [AddressState.OPTED_OUT, AddressState.PENDING, AddressState.INVALID])
def test_closed_address_is_no_way_out(two: Callable[..., Two], state: AddressState) -> None:
    run = two()
    run.refuse(NOT_ON_IT)
    with run.sessions.begin() as session:
        for address in session.scalars(select(Address).where(Address.channel == Channel.SMS)):
            address.state = state
    run.send()
    assert run.states() == {SendState.FAILED: 3}
    assert run.providers[run.second].accepted == []


def test_many_without_the_channel_pause_nobody(two: Callable[..., Two]) -> None:
    run = two(count=80)
    run.refuse(NOT_ON_IT)
    run.send()
    with run.sessions() as session:
        assert session.get_one(Run, run.run_id).state == RunState.RUNNING
    assert run.states() == {SendState.ACCEPTED: 80}


@pytest.mark.parametrize(
    ("status", "action", "moved"),
    [
        ("failed", Action.OTHER_CHANNEL, True),
        ("undelivered", Action.OTHER_CHANNEL, False),
        ("failed", Action.GIVE_UP, False),
        ("failed", Action.OPT_OUT, False),
    ],
)
def test_failed_receipt_moves_on(two: Callable[..., Two], status: str, action: Action, moved: bool) -> None:
    run = two(deliveries={"send_state": SendState.ACCEPTED, "provider_id": "SM"}, state=RunState.DONE)
    with run.sessions.begin() as session:
        rows = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        references = [row.reference for row in rows]
        receive(session, status, action, *references)
        assert {row.sender_id for row in rows} == {run.second if moved else run.first}
        assert {row.send_state for row in rows} == {SendState.QUEUED if moved else SendState.ACCEPTED}
        # The sweep lets it go on, once it has seen that its texts hold.
        assert session.get_one(Run, run.run_id).state == RunState.DONE
        if moved:
            assert {(row.receipt_state, row.provider_id) for row in rows} == {(None, None)}
            kept = session.scalars(select(Attempt)).all()
            assert [(row.reference, row.provider_id, row.error) for row in kept] == [
                (name, "SM", "63003") for name in references
            ]
            # What comes late for the old call finds nobody.
            receive(session, "delivered", None, *references)
            assert {row.receipt_state for row in rows} == {None}
    sweep(run.sessions)
    with run.sessions() as session:
        assert session.get_one(Run, run.run_id).state == (RunState.RUNNING if moved else RunState.DONE)


def test_wrong_clock_puts_nobody_off_who_falls_back(two: Callable[..., Two]) -> None:
    run = two(deliveries={"send_state": SendState.ACCEPTED, "provider_id": "SM"})
    with run.sessions.begin() as session, clock.running_on(lambda: datetime.now(UTC) + timedelta(days=2)):
        rows = session.scalars(select(Delivery)).all()
        receive(session, "failed", Action.OTHER_CHANNEL, *[row.reference for row in rows])
        assert {row.send_state for row in rows} == {SendState.QUEUED}
        assert max(row.due_at for row in rows) <= datetime.now(UTC)


def test_receipt_before_the_reply_waits_for_it(two: Callable[..., Two]) -> None:
    run = two(deliveries={"send_state": SendState.SENDING})
    with run.sessions.begin() as session:
        rows = session.scalars(select(Delivery)).all()
        receive(session, "failed", Action.OTHER_CHANNEL, *[row.reference for row in rows])
        assert {row.send_state for row in rows} == {SendState.SENDING}
        for row in rows:
            row.send_state = SendState.ACCEPTED
        session.flush()
        apply_receipts(session, 100)
        session.expire_all()
        assert {row.send_state for row in rows} == {SendState.QUEUED}


@pytest.mark.both_databases
def test_stopped_run_does_not_go_on_before_it_is_resumed(two: Callable[..., Two]) -> None:
    """What failed while it was stopped goes on with the rest: nobody would look for it afterwards."""
    run = two(deliveries={"send_state": SendState.ACCEPTED}, state=RunState.STOPPED)
    with run.sessions.begin() as session:
        rows = session.scalars(select(Delivery)).all()
        receive(session, "failed", Action.OTHER_CHANNEL, *[row.reference for row in rows])
    sweep(run.sessions)
    assert run.states() == {SendState.CANCELLED: 3}
    with run.sessions.begin() as session:
        stopped = session.get_one(Run, run.run_id)
        assert stopped.state == RunState.STOPPED
        stopped.state = RunState.RUNNING
    sweep(run.sessions)
    run.send()
    assert run.states() == {SendState.ACCEPTED: 3}
    assert len(run.providers[run.second].accepted) == 3


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("called_at", "attempts", "moved"),
    [(timedelta(minutes=-1), 1, False), (timedelta(minutes=1), 1, True), (None, 0, False)],
    ids=["before-the-restore", "since", "in-the-queue-of-the-backup"],
)
def test_call_that_a_restore_may_have_forgotten_more_of_moves_nobody(
    two: Callable[..., Two], called_at: timedelta | None, attempts: int, moved: bool
) -> None:
    """It may have gone on after the backup was made: the person may have had it over the next sender."""
    released_at = clock.now() - timedelta(hours=1)
    state = SendState.ACCEPTED if called_at else SendState.QUEUED
    intent_at = released_at + called_at if called_at else None
    run = two(deliveries={"send_state": state, "intent_at": intent_at, "attempts": attempts})
    with run.sessions.begin() as session:
        hold_instance(session).released_at = released_at
        rows = session.scalars(select(Delivery)).all()
        receive(session, "failed", Action.OTHER_CHANNEL, *[row.reference for row in rows])
        assert {row.sender_id for row in rows} == {run.second if moved else run.first}
        assert {row.send_state for row in rows} == {SendState.QUEUED if moved else SendState.ACCEPTED}
