"""One phone in two contacts gets one message of a run: over chunks, channels and contacts, and by a fall-back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from sqlalchemy import Engine, delete, event, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.pairs import note_pair
from campaigns.audience.consent.person import mark_shared
from campaigns.audience.models import Address, AddressState, Channel
from campaigns.core import clock
from campaigns.core.keys.crypto import Vault
from campaigns.delivery.fanout.fanout import fan_out
from campaigns.delivery.models import Delivery, RunLeftOut
from campaigns.delivery.one_person.channel_fallback import fall_back
from campaigns.delivery.one_person.shared_numbers import has_shared
from campaigns.delivery.references import new_reference
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.planning.policy import USUAL
from campaigns.staff.models import Organisation
from tests.delivery.builders import a_planned_run, a_running_run, give_addresses, people
from tests.factories import a_contact, a_sender, an_address

pytestmark = pytest.mark.one_database

ONE, OTHER, CHAT = "+380670000001", "+380509999999", "77001"
#: What WhatsApp calls the first of these, where it shows no number.
ID = "UA.8f2c1d"


def write(
    session: Session, organisation_id: int, vault: Vault, *handles: tuple[Channel, str], **changes: Any
) -> list[Address]:
    """Add a contact with these addresses; a number that others have is shared, as whoever adds it notes."""
    contact = a_contact(session, organisation_of(session, organisation_id), language="en")
    facts = {"heard_at": clock.now()} | changes
    added = [
        an_address(session, contact, vault, channel=channel, number=text, rank=rank, **facts)
        for rank, (channel, text) in enumerate(handles)
    ]
    mark_shared(session, organisation_id, [address.number for address in added if address.number is not None])
    return added


def show_pair(session: Session, vault: Vault) -> None:
    """Note that the first number and the id are of one person, as a provider shows who wrote."""
    known_as, number = vault.lookup_hash(Channel.WHATSAPP, ID), vault.number_hash(ONE)
    phone = HashedHandle(vault.lookup_hash(Channel.WHATSAPP, ONE), Channel.WHATSAPP, number)
    note_pair(session, phone, HashedHandle(known_as, Channel.WHATSAPP, known_as))


def organisation_of(session: Session, organisation_id: int) -> Organisation:
    return session.get_one(Organisation, organisation_id)


def outcome(sessions: sessionmaker[Session], run_id: int) -> tuple[list[int], dict[str, int]]:
    """Return the contacts that a run writes to, and how many it leaves out by reason."""
    with sessions() as session:
        written = session.scalars(
            select(Delivery.contact_id).where(Delivery.run_id == run_id).order_by(Delivery.contact_id)
        ).all()
        left = session.execute(
            select(RunLeftOut.reason, RunLeftOut.people).where(RunLeftOut.run_id == run_id)
        ).all()
    return list(written), {row.reason: row.people for row in left}


@pytest.mark.parametrize("chunk", [1, 2, 100])
@pytest.mark.parametrize("second", [Channel.SMS, Channel.WHATSAPP])
def test_one_number_gets_one_message(
    sessions: sessionmaker[Session], vault: Vault, chunk: int, second: Channel
) -> None:
    with sessions.begin() as session:
        senders = [a_sender(session), a_sender(session, channel=Channel.WHATSAPP)]
        run = a_planned_run(session, senders=senders)
        ours, run_id = run.organisation_id, run.id
        first = write(session, ours, vault, (Channel.SMS, ONE))[0].contact_id
        alone = write(session, ours, vault, (Channel.SMS, OTHER))[0].contact_id
        # The same handle twice on one channel is forbidden; a number in another spelling is not.
        twin = (second, ONE) if second is Channel.WHATSAPP else (second, "+5215512345678")
        if second is Channel.SMS:
            write(session, ours, vault, (Channel.SMS, "+525512345678"))
        write(session, ours, vault, twin)
    fan_out(sessions, run_id, policy=USUAL, chunk=chunk)
    written, left = outcome(sessions, run_id)
    assert written[:2] == [first, alone]
    assert (len(written), left) == (2 if second is Channel.WHATSAPP else 3, {"same_number": 1})


@pytest.mark.both_databases
def test_phone_that_has_its_message_leaves_out_no_other_phone(
    sessions: sessionmaker[Session], vault: Vault
) -> None:
    """The second chunk holds one that the first wrote to, and two contacts of a phone that nobody wrote to."""
    with sessions.begin() as session:
        run = a_planned_run(session, senders=[a_sender(session), a_sender(session, channel=Channel.WHATSAPP)])
        ours, run_id = run.organisation_id, run.id
        first = ((Channel.SMS, ONE), (Channel.SMS, "+380671111111"))
        second = ((Channel.WHATSAPP, ONE), (Channel.SMS, OTHER), (Channel.WHATSAPP, OTHER))
        contacts = [write(session, ours, vault, each)[0].contact_id for each in (*first, *second)]
    fan_out(sessions, run_id, policy=USUAL, chunk=2)
    assert outcome(sessions, run_id) == ([contacts[0], contacts[1], contacts[3]], {"same_number": 2})


@pytest.mark.both_databases
@pytest.mark.parametrize("chunk", [1, 100])
@pytest.mark.parametrize("is_known_before", [True, False])
@pytest.mark.parametrize("turn", [1, -1])
def test_two_handles_of_one_person_get_one_message(
    sessions: sessionmaker[Session], vault: Vault, chunk: int, is_known_before: bool, turn: int
) -> None:
    """Whoever hides their number from WhatsApp is known by it and by an id, whichever was added first."""
    with sessions.begin() as session:
        run = a_planned_run(session, senders=[a_sender(session), a_sender(session, channel=Channel.WHATSAPP)])
        ours, run_id = run.organisation_id, run.id
        if is_known_before:
            show_pair(session, vault)
        handles = [(Channel.SMS, ONE), (Channel.WHATSAPP, ID)][::turn]
        first, _ = (write(session, ours, vault, each)[0].contact_id for each in handles)
        alone = write(session, ours, vault, (Channel.SMS, OTHER))[0].contact_id
        if not is_known_before:
            show_pair(session, vault)
    fan_out(sessions, run_id, policy=USUAL, chunk=chunk)
    assert outcome(sessions, run_id) == ([first, alone], {"same_number": 1})


@pytest.mark.both_databases
@pytest.mark.parametrize("is_shown", [True, False])
@pytest.mark.parametrize("is_together", [True, False])
def test_fall_back_comes_to_two_handles_of_one_person_once(
    sessions: sessionmaker[Session], vault: Vault, is_shown: bool, is_together: bool
) -> None:
    """Both are refused on their chats, and would go on to the number and to what WhatsApp calls it."""
    with sessions.begin() as session:
        chat, sms = a_sender(session, channel=Channel.TELEGRAM), a_sender(session)
        whatsapp = a_sender(session, channel=Channel.WHATSAPP)
        a_running_run(session, vault, count=2, senders=[chat, sms, whatsapp])
        rows = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        handles = ((Channel.SMS, ONE), (Channel.WHATSAPP, ID))
        for place, (row, (channel, handle)) in enumerate(zip(rows, handles, strict=True)):
            own = session.get_one(Address, row.address_id)
            own.channel, own.lookup, own.number = Channel.TELEGRAM, bytes([place]) * 32, bytes([place]) * 32
            row.send_state, row.sender_id, row.channel = SendState.FAILED, chat.id, Channel.TELEGRAM
            session.flush()
            an_address(session, own.contact, vault, number=handle, channel=channel, heard_at=clock.now())
        if is_shown:
            show_pair(session, vault)
        ids = [row.id for row in rows]
    moved = 0
    for some in [ids] if is_together else [ids[:1], ids[1:]]:
        with sessions.begin() as session:
            moved += fall_back(session, some)
    assert moved == (1 if is_shown else 2)


@pytest.mark.both_databases
@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_refused_at_once_one_goes_on_to_their_phone(
    sessions: sessionmaker[Session], vault: Vault, turn: int
) -> None:
    """One was refused on their chat; the other, as a receipt says, by what WhatsApp calls them."""
    with sessions.begin() as session:
        chat, whatsapp = (a_sender(session, channel=each) for each in (Channel.TELEGRAM, Channel.WHATSAPP))
        sms = a_sender(session)
        run = a_running_run(session, vault, count=2, senders=[chat, whatsapp, sms])
        rows = session.scalars(select(Delivery).order_by(Delivery.id)).all()[::turn]
        first = ((chat, "77", Channel.WHATSAPP, ONE), (whatsapp, ID, Channel.SMS, ONE))
        for row, (sender, handle, channel, number) in zip(rows, first, strict=True):
            contact = session.get_one(Address, row.address_id).contact
            session.execute(delete(Address).where(Address.id == row.address_id))
            own = an_address(session, contact, vault, channel=Channel(sender.channel), number=handle)
            an_address(session, contact, vault, channel=channel, number=number, heard_at=clock.now())
            row.address_id, row.sender_id, row.channel = own.id, sender.id, sender.channel
        rows[0].send_state = SendState.FAILED
        rows[1].send_state, rows[1].receipt_state = SendState.ACCEPTED, ReceiptState.FAILED
        show_pair(session, vault)
        mark_shared(session, run.organisation_id, [vault.number_hash(ONE)])
        ids = [row.id for row in rows]
    with sessions.begin() as session:
        assert fall_back(session, ids) == 1
    with sessions() as session:
        moved = session.scalars(select(Delivery.id).where(Delivery.send_state == SendState.QUEUED)).all()
    assert moved == ids[1:]


def test_first_contact_that_can_be_written_to_gets_it(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        senders = [a_sender(session), a_sender(session, channel=Channel.WHATSAPP)]
        run = a_planned_run(session, senders=senders)
        ours, run_id = run.organisation_id, run.id
        write(session, ours, vault, (Channel.SMS, ONE), state=AddressState.PENDING)
        second = write(session, ours, vault, (Channel.WHATSAPP, ONE))[0].contact_id
    fan_out(sessions, run_id, policy=USUAL)
    assert outcome(sessions, run_id) == ([second], {"no_consent": 1})


@pytest.mark.both_databases
def test_other_number_of_a_contact_is_none_of_these(sessions: sessionmaker[Session], vault: Vault) -> None:
    """They share a phone, but this run reaches one of them on another: two phones, two messages."""
    with sessions.begin() as session:
        run = a_planned_run(session, senders=[a_sender(session), a_sender(session, channel=Channel.WHATSAPP)])
        ours, run_id = run.organisation_id, run.id
        first = write(session, ours, vault, (Channel.SMS, ONE))[0].contact_id
        second = write(session, ours, vault, (Channel.SMS, OTHER), (Channel.WHATSAPP, ONE))[0].contact_id
    fan_out(sessions, run_id, policy=USUAL)
    assert outcome(sessions, run_id) == ([first, second], {})


def test_nothing_is_compared_where_nobody_shares(
    engine: Engine, sessions: sessionmaker[Session], vault: Vault
) -> None:
    with sessions.begin() as session:
        run = a_planned_run(session)
        people(session, run.organisation_id, vault, count=5)
        run_id = run.id
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        fan_out(sessions, run_id, policy=USUAL)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    # Whoever is in danger is looked at by themselves, whether they share a number or not.
    assert sum("is_shared" in each and "urgent_contact" not in each for each in seen) == 1
    assert not any("row_number() OVER (PARTITION BY" in statement for statement in seen)


def test_whether_anybody_shares_is_read_from_few_rows(sqlite_engine: Engine) -> None:
    asked: list[tuple[str, Any]] = []
    with Session(sqlite_engine) as session:
        event.listen(sqlite_engine, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        has_shared(session, after=0, through=50_000)
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1][0]}", asked[-1][1]).all()
    assert any("ix_address_is_shared" in str(step) for step in plan), plan


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("state", "moves"),
    [
        (SendState.QUEUED, False),
        (SendState.SENDING, False),
        (SendState.ACCEPTED, False),
        (SendState.UNKNOWN, False),
        (SendState.UNCONFIRMED, False),
        (SendState.CANCELLED, False),
        (SendState.FAILED, True),
        (SendState.EXPIRED, True),
    ],
)
def test_fall_back_comes_to_no_number_twice(
    sessions: sessionmaker[Session], vault: Vault, state: SendState, moves: bool
) -> None:
    row_id = twins(sessions, vault, state)
    with sessions.begin() as session:
        assert fall_back(session, [row_id]) == moves
    with sessions() as session:
        row = session.get_one(Delivery, row_id)
        assert (row.send_state, row.channel) == (
            (SendState.QUEUED, Channel.WHATSAPP) if moves else (SendState.FAILED, Channel.TELEGRAM)
        )


def twins(sessions: sessionmaker[Session], vault: Vault, state: SendState) -> int:
    """Make a run whose message to a chat was refused, and whose next one would go to a number of another contact.

    Return the id of the refused message; the other contact's is in `state`.
    """
    with sessions.begin() as session:
        chat, sms = a_sender(session, channel=Channel.TELEGRAM), a_sender(session)
        whatsapp = a_sender(session, channel=Channel.WHATSAPP)
        run = a_running_run(session, vault, count=2, senders=[chat, sms, whatsapp])
        first, second = session.scalars(select(Delivery).order_by(Delivery.id))
        [theirs] = session.scalars(select(Address).where(Address.id == first.address_id))
        [own] = session.scalars(select(Address).where(Address.id == second.address_id))
        own.channel, own.lookup, own.number = Channel.TELEGRAM, b"c" * 32, b"c" * 32
        session.flush()
        facts: dict[str, Any] = {"prefix": "+38067", "channel": Channel.WHATSAPP, "heard_at": clock.now()}
        give_addresses(session, run.organisation_id, vault, [own.contact_id], **facts)
        assert theirs.number is not None
        mark_shared(session, run.organisation_id, [theirs.number])
        first.send_state, first.sender_id = state, sms.id
        second.send_state, second.sender_id, second.channel = SendState.FAILED, chat.id, Channel.TELEGRAM
        return second.id


@pytest.mark.both_databases
@pytest.mark.parametrize("together", [True, False])
def test_two_that_fall_back_at_once_come_to_a_number_once(
    sessions: sessionmaker[Session], vault: Vault, together: bool
) -> None:
    """Both are refused on their chats, and both would go on to the one phone."""
    with sessions.begin() as session:
        chat, sms = a_sender(session, channel=Channel.TELEGRAM), a_sender(session)
        whatsapp = a_sender(session, channel=Channel.WHATSAPP)
        run = a_running_run(session, vault, count=2, senders=[chat, sms, whatsapp])
        rows = session.scalars(select(Delivery).order_by(Delivery.id)).all()
        for place, row in enumerate(rows):
            own = session.get_one(Address, row.address_id)
            own.channel, own.lookup, own.number = Channel.TELEGRAM, bytes([place]) * 32, bytes([place]) * 32
            row.send_state, row.sender_id, row.channel = SendState.FAILED, chat.id, Channel.TELEGRAM
        session.flush()
        for row, channel in zip(rows, (Channel.SMS, Channel.WHATSAPP), strict=True):
            facts: dict[str, Any] = {"prefix": "+38050", "channel": channel, "heard_at": clock.now()}
            give_addresses(session, run.organisation_id, vault, [row.contact_id], **facts)
        mark_shared(session, run.organisation_id, [vault.number_hash("+380500000001")])
        ids = [row.id for row in rows]

    def go_on(*which: int) -> int:
        with sessions.begin() as session:
            return fall_back(session, which)

    if together:
        assert go_on(*ids) == 1
    else:
        with ThreadPoolExecutor() as pool:
            with sessions.begin() as session:
                assert fall_back(session, ids[:1]) == 1
                waiting = pool.submit(go_on, ids[1])
                wait([waiting], timeout=0.3)
                assert not waiting.done()
            assert waiting.result(timeout=10) == 0
    with sessions() as session:
        states = session.scalars(select(Delivery.send_state).order_by(Delivery.id)).all()
    assert states == [SendState.QUEUED, SendState.FAILED]


@pytest.mark.both_databases
def test_table_takes_one_delivery_of_a_run_for_a_contact(session: Session, vault: Vault) -> None:
    """Whoever plans beside or after somebody else: the database itself has the last word."""
    run_id = a_running_run(session, vault, count=1).id
    columns = [column for column in Delivery.__table__.columns if column.name not in ("id", "reference")]
    (known,) = session.execute(select(*columns).where(Delivery.run_id == run_id)).mappings()
    other_run = {**known, "run_id": run_id + 1}
    session.execute(insert(Delivery).values(reference=new_reference(is_rehearsal=False), **other_run))
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(insert(Delivery).values(reference=new_reference(is_rehearsal=False), **known))
