"""Receipts may come early, late, twice, out of order or for strangers: the rows end the same."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, text, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import restore
from campaigns.audience.models import Address, AddressState, Channel, Consent
from campaigns.core import clock
from campaigns.core.database import KEPT_KIB
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.lanes.daily_limits import count_called
from campaigns.delivery.models import Delivery, Receipt
from campaigns.delivery.receipts import merge as merging
from campaigns.delivery.receipts.merge import (
    STRANGER_WAIT,
    ReceiptDrain,
    apply_receipts,
    is_anything_to_merge,
    store,
)
from campaigns.delivery.states import ReceiptState, SendState, merge
from campaigns.gateways.base import Action
from campaigns.gateways.callbacks import StatusUpdate
from campaigns.planning.models import Run
from campaigns.staff.models import Organisation
from tests.factories import a_campaign, a_contact, a_delivery, a_member, a_run, an_address, an_organisation

pytestmark = pytest.mark.one_database

RECEIPTS = st.lists(st.sampled_from(ReceiptState), min_size=1, max_size=8).map(
    lambda states: list(enumerate(states))
)


@pytest.fixture
def delivery(session: Session) -> Delivery:
    organisation = an_organisation(session)
    run = a_run(session, a_campaign(session, organisation, a_member(session, organisation)))
    return a_delivery(session, run, send_state=SendState.ACCEPTED)


def said(delivery: Delivery, status: str, error: str | None = None, provider_id: str = "SM1") -> StatusUpdate:
    return StatusUpdate(delivery.reference, provider_id, status, error)


def arrive(session: Session, *updates: StatusUpdate) -> None:
    store(session, updates, gateway="twilio")
    while apply_receipts(session, 3):
        pass
    session.expire_all()


def folded(arrivals: list[tuple[int, ReceiptState]]) -> tuple[ReceiptState, int] | None:
    current = None
    for number, state in arrivals:
        current = merge(current, (state, number))
    return current


@given(RECEIPTS, st.randoms(use_true_random=False))
def test_merge_ignores_order_and_repetition(
    receipts: list[tuple[int, ReceiptState]], chance: random.Random
) -> None:
    shuffled = receipts + chance.choices(receipts, k=3)
    chance.shuffle(shuffled)
    assert folded(shuffled) == folded(receipts)


@given(RECEIPTS, RECEIPTS, RECEIPTS)
def test_merge_of_merges_is_one_merge(
    first: list[tuple[int, ReceiptState]],
    second: list[tuple[int, ReceiptState]],
    third: list[tuple[int, ReceiptState]],
) -> None:
    parts = [part for arrivals in (first, second, third) if (part := folded(arrivals))]
    assert folded([(number, state) for state, number in parts]) == folded(first + second + third)


@pytest.mark.parametrize("seed", range(4))
def test_rows_equal_the_pure_merge(session: Session, delivery: Delivery, seed: int) -> None:
    chance = random.Random(seed)
    states = chance.choices(list(ReceiptState), k=12)
    store(session, [said(delivery, state) for state in states], gateway="twilio")
    while apply_receipts(session, chance.randint(1, 5)):
        pass
    stored = [(row.id, ReceiptState(row.status)) for row in session.scalars(select(Receipt))]
    session.refresh(delivery)
    assert (delivery.receipt_state, delivery.receipt_id) == folded(stored)


def test_receipts_that_ask_for_nothing_need_three_statements(session: Session, delivery: Delivery) -> None:
    store(session, [said(delivery, "sent"), said(delivery, "undelivered", "30003")], gateway="twilio")
    asked: list[str] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2].split()[0]))
    assert apply_receipts(session, 2) == 2
    assert asked == ["WITH", "UPDATE", "UPDATE"]


def test_long_queue_is_merged_from_its_beginning_now_and_then(
    session: Session, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What somebody else held while its batch was taken stands before the one that comes next."""
    monkeypatch.setattr(merging, "BATCHES_ONWARD", 2)
    drain = ReceiptDrain(1)
    store(session, [said(delivery, status) for status in ("queued", "sent", "delivered")], gateway="twilio")
    assert drain.apply(session) == 1
    session.execute(update(Receipt).values(applied_at=None))
    assert drain.apply(session) == 1
    assert waiting(session) == ["queued", "delivered"]
    assert [drain.apply(session) for _ in range(2)] == [1, 1]
    assert waiting(session) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_deliveries_are_merged_by_their_ids_in_order(session: Session, delivery: Delivery) -> None:
    """By their references each would be looked for once more, and its page written in whatever order they come."""
    store(session, [said(delivery, "sent")], gateway="twilio")
    asked: list[Any] = []
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2:4]))
    apply_receipts(session, 1)
    [(statement, given)] = [each for each in asked if each[0].startswith("UPDATE delivery")]
    plan = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    assert [line.partition(" (")[0] for line in plan[:3]] == [
        "SCAN best VIRTUAL TABLE INDEX 1:",
        "SEARCH delivery USING INTEGER PRIMARY KEY",
        "SEARCH receipt USING INTEGER PRIMARY KEY",
    ]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_drain_keeps_more_of_the_database_in_memory_for_a_batch(session: Session, delivery: Delivery) -> None:
    kept: list[int] = []

    def look() -> None:
        kept.append(session.scalar(text("PRAGMA cache_size")) or 0)

    store(session, [said(delivery, "sent")], gateway="twilio")
    look()
    event.listen(session, "do_orm_execute", lambda _: look(), once=True)
    drain = ReceiptDrain()
    assert (drain.apply(session), drain.is_over) == (1, True)
    look()
    assert kept[0] == kept[2] != kept[1] == -KEPT_KIB


def test_a_look_finds_what_waits_and_calls_that_were_given_up(session: Session, delivery: Delivery) -> None:
    assert not is_anything_to_merge(session)
    store(session, [said(delivery, "sent")], gateway="twilio")
    assert is_anything_to_merge(session)
    arrive(session)
    assert not is_anything_to_merge(session)
    delivery.send_state = SendState.UNKNOWN
    session.flush()
    assert is_anything_to_merge(session)


def waiting(session: Session) -> list[str]:
    return list(session.scalars(select(Receipt.status).where(Receipt.applied_at.is_(None)).order_by(Receipt.id)))


def kept(session: Session) -> list[str]:
    return list(session.scalars(select(Receipt.status).order_by(Receipt.id)))


def test_replayed_receipt_is_stored_once(session: Session, delivery: Delivery) -> None:
    told = said(delivery, "sent"), said(delivery, "delivered")
    for _ in range(3):
        arrive(session, *told)
        arrive(session, *reversed(told))
    assert kept(session) == ["sent", "delivered"]
    assert delivery.receipt_state == ReceiptState.DELIVERED


@pytest.mark.parametrize(
    "other",
    [{"status": "failed", "error": "30006"}, {"status": "sent", "provider_id": "SM2"}, {"status": "new-word"}],
)
def test_receipt_that_tells_something_else_is_kept(
    session: Session, delivery: Delivery, other: dict[str, str]
) -> None:
    arrive(session, said(delivery, "failed", "30003"))
    arrive(session, said(delivery, **other))
    assert kept(session) == ["failed", other["status"]]


@pytest.mark.both_databases
def test_old_block_that_is_replayed_does_not_stop_who_said_start_since(
    session: Session, delivery: Delivery, vault: Vault
) -> None:
    contact = a_contact(session, session.scalars(select(Organisation)).one())
    address = an_address(session, contact, vault)
    delivery.address_id, delivery.intent_at = address.id, clock.now() - timedelta(hours=2)
    session.flush()
    block = StatusUpdate(delivery.reference, "SM1", "undelivered", "21610", action=Action.OPT_OUT)
    arrive(session, block)
    assert state_of(address) == AddressState.OPTED_OUT
    restore(session, HashedHandle.of(address), Declaration("keyword", "", clock.now()))
    arrive(session, block)
    # Nor one that the provider was late to tell, which is no replay.
    arrive(session, StatusUpdate(delivery.reference, "SM1", "failed", "21612", action=Action.OPT_OUT))
    assert state_of(address) == AddressState.ACTIVE
    delivery.intent_at = clock.now() + timedelta(seconds=1)
    session.flush()
    arrive(session, StatusUpdate(delivery.reference, "SM1", "failed", "21613", action=Action.OPT_OUT))
    assert state_of(address) == AddressState.OPTED_OUT


def state_of(address: Address) -> AddressState:
    return address.state


def test_late_receipt_of_lower_rank_changes_nothing(session: Session, delivery: Delivery) -> None:
    arrive(session, said(delivery, "delivered"))
    arrive(session, said(delivery, "sent"), said(delivery, "undelivered", "30003"))
    assert (delivery.receipt_state, delivery.receipt_error) == (ReceiptState.DELIVERED, None)


def test_failing_receipt_keeps_its_code(session: Session, delivery: Delivery) -> None:
    arrive(session, said(delivery, "undelivered", "30003"), said(delivery, "sent"))
    assert (delivery.receipt_state, delivery.receipt_error) == (ReceiptState.UNDELIVERED, "30003")
    arrive(session, said(delivery, "delivered"))
    assert delivery.receipt_error is None


@pytest.mark.parametrize("state", [SendState.UNKNOWN, SendState.UNCONFIRMED])
@pytest.mark.parametrize("status", ["sent", "undelivered", "a-word-of-tomorrow"])
def test_any_receipt_settles_a_lost_reply(
    session: Session, delivery: Delivery, state: SendState, status: str
) -> None:
    delivery.send_state = state
    arrive(session, said(delivery, status, provider_id="SM7"))
    assert (delivery.send_state, delivery.provider_id) == (SendState.ACCEPTED, "SM7")


def test_receipt_before_the_lost_reply_settles_too(session: Session, delivery: Delivery) -> None:
    delivery.send_state = SendState.SENDING
    arrive(session, said(delivery, "sent"))
    assert delivery.send_state == SendState.SENDING
    delivery.send_state = SendState.UNKNOWN
    arrive(session)
    assert delivery.send_state == SendState.ACCEPTED


@pytest.mark.parametrize("status", ["sent", "failed", "a-word-of-tomorrow"])
def test_receipt_before_the_second_call_settles_it(session: Session, delivery: Delivery, status: str) -> None:
    delivery.send_state, delivery.attempts = SendState.QUEUED, 1
    arrive(session, said(delivery, status, provider_id="SM7"))
    assert (delivery.send_state, delivery.provider_id) == (SendState.ACCEPTED, "SM7")


@pytest.mark.both_databases
def test_message_whose_call_was_forgotten_counts_for_the_limit_of_its_sender(
    session: Session, delivery: Delivery
) -> None:
    """A restored database has its delivery in the queue, as one that was never called."""
    delivery.send_state, delivery.intent_at = SendState.QUEUED, None
    sender = session.get_one(Run, delivery.run_id).sender
    arrive(session, said(delivery, "sent"))
    assert delivery.send_state == SendState.ACCEPTED
    assert count_called(session.connection(), sender.id, Channel(sender.channel)) == 1


def test_unknown_word_is_kept_without_effect(session: Session, delivery: Delivery) -> None:
    arrive(session, said(delivery, "sent"))
    arrive(session, said(delivery, "teleported"))
    assert delivery.receipt_state == ReceiptState.SENT
    assert "teleported" in session.scalars(select(Receipt.status)).all()


def test_strangers_wait_then_rest(session: Session, delivery: Delivery) -> None:
    stranger = StatusUpdate("nobody", "SM9", "sent", None)
    arrive(session, stranger, said(delivery, "sent"))
    waiting = select(Receipt.reference).where(Receipt.applied_at.is_(None))
    assert session.scalars(waiting).all() == ["nobody"]
    later = clock.now() + 2 * STRANGER_WAIT
    with clock.running_on(lambda: later):
        arrive(session)
    assert session.scalars(waiting).all() == []


@pytest.mark.both_databases
def test_stranger_is_matched_when_its_delivery_appears(session: Session, delivery: Delivery) -> None:
    arrive(session, StatusUpdate("later", "SM9", "delivered", None))
    delivery.reference = "later"
    arrive(session)
    assert delivery.receipt_state == ReceiptState.DELIVERED


def test_handles_and_odd_bytes_are_not_kept(session: Session, delivery: Delivery) -> None:
    raw = {"From": "+15005550006", "To": "+380501234567", "ApiVersion": "2010"}
    arrive(session, StatusUpdate(delivery.reference, "S\0M" + "x" * 90, "s\0ent", None, raw))
    receipt = session.scalars(select(Receipt)).one()
    assert receipt.raw == {"ApiVersion": "2010"}
    assert len(receipt.provider_id) == 64
    assert delivery.receipt_state == ReceiptState.SENT


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("action", "state"),
    [(Action.OPT_OUT, AddressState.OPTED_OUT), (Action.INVALIDATE_ADDRESS, AddressState.INVALID)],
)
def test_failing_receipt_may_close_the_address(
    session: Session, delivery: Delivery, vault: Vault, action: Action, state: AddressState
) -> None:
    run = session.get_one(Run, delivery.run_id)
    contact = a_contact(session, session.get_one(Organisation, run.organisation_id))
    address = an_address(session, contact, vault)
    delivery.contact_id, delivery.address_id = contact.id, address.id
    waiting = a_delivery(session, a_run(session, run.campaign), contact_id=contact.id, address_id=address.id)
    refusal = StatusUpdate(delivery.reference, "SM1", "failed", "21610", action=action)
    arrive(session, refusal, refusal)
    assert address.state == state
    if action is Action.OPT_OUT:
        assert waiting.send_state == SendState.SUPPRESSED
        assert len(session.scalars(select(Consent)).all()) == 1


def test_delivered_receipt_never_closes_an_address(session: Session, delivery: Delivery, vault: Vault) -> None:
    run = session.get_one(Run, delivery.run_id)
    address = an_address(session, a_contact(session, session.get_one(Organisation, run.organisation_id)), vault)
    delivery.address_id = address.id
    arrive(session, StatusUpdate(delivery.reference, "SM1", "delivered", "21610", action=Action.OPT_OUT))
    assert address.state == AddressState.ACTIVE


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("arrived", "state"),
    [
        ("delivered", AddressState.ACTIVE),
        ("read", AddressState.ACTIVE),
        ("sent", AddressState.INVALID),
        ("undelivered", AddressState.INVALID),
    ],
)
def test_number_that_a_message_reached_is_not_dead(
    session: Session,
    delivery: Delivery,
    vault: Vault,
    arrived: str,
    state: AddressState,
    at_once: bool,
    order: int,
) -> None:
    run = session.get_one(Run, delivery.run_id)
    address = an_address(session, a_contact(session, session.get_one(Organisation, run.organisation_id)), vault)
    delivery.address_id = address.id
    late = StatusUpdate(delivery.reference, "SM1", "failed", "30005", action=Action.INVALIDATE_ADDRESS)
    both = [said(delivery, arrived), late][::order]
    if order == -1 and not at_once and state is AddressState.ACTIVE:
        # What was called dead before is alive once the person is heard, not by a receipt.
        state = AddressState.INVALID
    for group in [both] if at_once else [both[:1], both[1:]]:
        arrive(session, *group)
    assert address.state == state


@pytest.mark.both_databases
def test_late_block_is_a_stop_though_the_message_arrived(
    session: Session, delivery: Delivery, vault: Vault
) -> None:
    run = session.get_one(Run, delivery.run_id)
    address = an_address(session, a_contact(session, session.get_one(Organisation, run.organisation_id)), vault)
    delivery.address_id = address.id
    block = StatusUpdate(delivery.reference, "SM1", "failed", "21610", action=Action.OPT_OUT)
    arrive(session, said(delivery, "delivered"), block)
    assert address.state == AddressState.OPTED_OUT
