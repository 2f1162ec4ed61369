"""One phone is one person: a stop reaches every address of it, on all channels and in all organisations."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import Handle, heard_handle, number_key, number_of
from campaigns.audience.consent.ledger import find_suppressed, restore, withdraw_everywhere
from campaigns.audience.consent.person import lock_addresses
from campaigns.audience.joining.join import KEYWORD, START, Joining, join
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind
from campaigns.core.keys.crypto import Vault
from campaigns.staff.models import Organisation
from tests.factories import NOON, a_contact, an_address, an_organisation

pytestmark = pytest.mark.one_database

NUMBER, OTHER_NUMBER, CHAT = "+380501234567", "+380509999999", "77001"
SAID = Declaration("keyword", "reply 1", NOON)
WHATSAPP: dict[str, Any] = {"channel": Channel.WHATSAPP}
TELEGRAM: dict[str, Any] = {"channel": Channel.TELEGRAM, "number": CHAT, "country": None}


def stop(session: Session, address: Address) -> set[int]:
    return set(withdraw_everywhere(session, HashedHandle.of(address), SAID))


@pytest.mark.parametrize("said_on", range(4))
def test_stop_reaches_every_channel_everywhere(session: Session, vault: Vault, said_on: int) -> None:
    """Their SMS with us, their WhatsApp with others, and the chat and the second phone these know them by."""
    ours, theirs = (a_contact(session, an_organisation(session)) for _ in range(2))
    person = [
        an_address(session, ours, vault),
        an_address(session, theirs, vault, **WHATSAPP),
        an_address(session, theirs, vault, **TELEGRAM),
        an_address(session, theirs, vault, number=OTHER_NUMBER),
    ]
    stranger = an_address(session, a_contact(session, an_organisation(session)), vault, number="+380670000001")
    assert stop(session, person[said_on]) == {address.id for address in person}
    assert {address.state for address in person} == {AddressState.OPTED_OUT}
    assert stranger.state == AddressState.ACTIVE
    lines = session.execute(select(Consent.address_id, Consent.kind, Consent.method, Consent.wording)).all()
    wanted = [(address.id, ConsentKind.WITHDRAWN, "keyword", "reply 1") for address in person]
    assert sorted(map(tuple, lines)) == sorted(wanted)


@pytest.mark.both_databases
@pytest.mark.parametrize("engine", ["postgres"], indirect=True)
def test_stops_of_one_person_at_once_wait_for_each_other(sessions: sessionmaker[Session], vault: Vault) -> None:
    """Said from each of their handles: whoever locks in another order would be ended by the database."""
    with sessions.begin() as session:
        contacts = [a_contact(session, an_organisation(session)) for _ in range(4)]
        for place, contact in enumerate(contacts):
            an_address(session, contact, vault, number=f"+38067000000{place}", **WHATSAPP)
            an_address(session, contact, vault, number=f"+38067000000{(place + 1) % 4}")
        session.flush()
        addresses = session.scalars(select(Address).order_by(Address.id)).all()
        handles = [(address.lookup, Channel(address.channel), address.number) for address in addresses]

    def say(place: int) -> int:
        lookup, channel, number = handles[place % len(handles)]
        with sessions.begin() as session:
            if place % 3 == 2:
                return len(restore(session, HashedHandle(lookup, channel, number), SAID))
            return len(withdraw_everywhere(session, HashedHandle(lookup, channel, number), SAID))

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(say, range(60)))
    assert set(found) == {1, 8}


def test_addresses_are_locked_in_one_order(session: Session) -> None:
    statements: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        statements.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        lock_addresses(session, [3, 1, 2])
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert any("ORDER BY address.id" in statement for statement in statements)


def test_stop_of_a_person_without_end_ends(session: Session, vault: Vault) -> None:
    """Each contact of a file shares a number with the next: the walk is bounded, and takes the nearest."""
    contacts = [a_contact(session, an_organisation(session)) for _ in range(40)]
    chain = [
        [
            an_address(session, contact, vault, number=f"+38067{place:07}"),
            an_address(session, contact, vault, number=f"+38067{place + 1:07}", **WHATSAPP),
        ]
        for place, contact in enumerate(contacts)
    ]
    found = stop(session, chain[0][0])
    assert {address.id for pair in chain[:5] for address in pair} <= found


@pytest.mark.parametrize("started_on", [Channel.SMS, Channel.WHATSAPP])
def test_start_lifts_its_own_channel_alone(session: Session, vault: Vault, started_on: Channel) -> None:
    contacts = [a_contact(session, an_organisation(session)) for _ in range(2)]
    addresses = [
        an_address(session, contact, vault, channel=on)
        for contact in contacts
        for on in (*WHATSAPP.values(), "sms")
    ]
    stop(session, addresses[0])
    said = next(address for address in addresses if address.channel == started_on)
    lifted = restore(session, HashedHandle(said.lookup, started_on, said.number), SAID)
    wanted: dict[AddressState, set[int]] = {AddressState.ACTIVE: set(), AddressState.OPTED_OUT: set()}
    for address in addresses:
        state = AddressState.ACTIVE if address.channel == started_on else AddressState.OPTED_OUT
        wanted[state].add(address.id)
        assert address.state == state
    assert set(lifted) == wanted[AddressState.ACTIVE]
    other = Channel.WHATSAPP if started_on is Channel.SMS else Channel.SMS
    number = vault.number_hash(NUMBER)
    assert find_suppressed(session, [number]) == {(number, other)}


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
def test_code_lifts_its_own_channel_alone(session: Session, vault: Vault, channel: Channel) -> None:
    organisation = an_organisation(session)
    number = vault.number_hash(NUMBER)
    withdraw_everywhere(session, HashedHandle(vault.lookup_hash("sms", NUMBER), Channel.SMS, number), SAID)
    assert joined_by(session, joining(organisation, channel), vault=vault).state == AddressState.ACTIVE
    other = Channel.WHATSAPP if channel is Channel.SMS else Channel.SMS
    assert find_suppressed(session, [number]) == {(number, other)}


def test_joining_on_another_channel_stays_one_contact(session: Session, vault: Vault) -> None:
    organisation = an_organisation(session)
    first = joined_by(session, joining(organisation, Channel.SMS), vault=vault)
    second = joined_by(session, joining(organisation, Channel.WHATSAPP), vault=vault)
    again = joined_by(session, joining(organisation, Channel.SMS), vault=vault)
    assert again is first
    assert (first.contact_id, first.number) == (second.contact_id, second.number)
    assert (first.rank, second.rank) == (0, 1)
    assert not first.is_shared


def test_number_of_two_contacts_is_noted(session: Session, vault: Vault) -> None:
    """The contact that has the number has another one on the channel: both stay, known to be one phone."""
    organisation = an_organisation(session)
    contact = a_contact(session, organisation)
    sms = an_address(session, contact, vault)
    other = an_address(session, contact, vault, number=OTHER_NUMBER, **WHATSAPP)
    joined = joined_by(session, joining(organisation, Channel.WHATSAPP), vault=vault)
    session.refresh(sms)
    assert joined.contact_id != contact.id
    assert (joined.is_shared, sms.is_shared, other.is_shared) == (True, True, False)


def test_start_after_a_stop_elsewhere_joins_on_its_channel(session: Session, vault: Vault) -> None:
    organisation = an_organisation(session)
    sms = an_address(session, a_contact(session, organisation), vault)
    stop(session, sms)
    joined = joined_by(session, joining(organisation, Channel.WHATSAPP, method=START), vault=vault)
    assert (joined.contact_id, joined.state) == (sms.contact_id, AddressState.ACTIVE)
    assert sms.state == AddressState.OPTED_OUT


def joined_by(session: Session, joining: Joining, *, vault: Vault) -> Address:
    """Let a person join who is not refused; return their address."""
    address = join(session, joining, vault=vault)
    assert address is not None
    return address


def joining(organisation: Organisation, channel: Channel, *, method: str = KEYWORD) -> Joining:
    return Joining(organisation.id, Handle(channel, NUMBER, "UA"), method, NOON)


@pytest.mark.parametrize(
    ("channel", "heard", "as_written"),
    [
        (Channel.WHATSAPP, "+5215512345678", "+525512345678"),
        (Channel.WHATSAPP, "+5491123456789", "+541123456789"),
        (Channel.WHATSAPP, "+553187654321", "+5531987654321"),
        (Channel.SMS, "254711082000", "+254711082000"),
        (Channel.WHATSAPP, "whatsapp:+380501234567", "+380501234567"),
    ],
)
def test_spellings_of_one_phone_are_one_number(
    channel: Channel, heard: str, as_written: str, vault: Vault
) -> None:
    handle = heard_handle(channel, heard)
    assert handle is not None
    assert number_of(handle.text) == number_of(as_written)
    assert number_key(vault, channel, handle.text) == number_key(vault, Channel.SMS, as_written)


@pytest.mark.parametrize(
    "apart",
    [("+525512345678", "+5255123456789"), ("+551132345678", "+5511932345678"), ("+380501234567", "+38050123456")],
)
def test_other_phones_are_other_numbers(apart: tuple[str, str]) -> None:
    assert number_of(apart[0]) != number_of(apart[1])


@pytest.mark.parametrize(
    ("channel", "text"), [(Channel.SMS, "15005"), (Channel.SMS, "0711082000"), (Channel.WHATSAPP, "12345678")]
)
def test_digits_that_are_no_whole_number_are_nobody(channel: Channel, text: str) -> None:
    assert heard_handle(channel, text) is None


@pytest.mark.parametrize(("channel", "text"), [(Channel.TELEGRAM, CHAT), (Channel.WHATSAPP, "UA.a1B2")])
def test_handle_without_a_number_is_its_own(channel: Channel, text: str, vault: Vault) -> None:
    assert number_of(text) is None
    assert number_key(vault, channel, text) == vault.lookup_hash(channel, text)
