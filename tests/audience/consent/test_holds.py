"""Who may have meant a stop is on hold everywhere until a member decides; a stop is more than that."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.holds import hold_everywhere, lift, release
from campaigns.audience.consent.ledger import find_suppressed, grant, restore, withdraw_everywhere
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from tests.factories import NOON, a_contact, an_address, an_organisation

pytestmark = pytest.mark.one_database

NUMBER = "+380501234567"
SAID = Declaration("keyword", "reply 1", NOON)
DECIDED = Declaration("member", "asked for a ride", NOON)
FORM = Declaration("form", "v1", NOON)


@pytest.fixture
def person(session: Session, vault: Vault) -> list[Address]:
    """One person: SMS with us, WhatsApp and a chat with others; agreed to the first two, not yet to the last."""
    ours, theirs = (a_contact(session, an_organisation(session)) for _ in range(2))
    addresses = [
        an_address(session, ours, vault),
        an_address(session, theirs, vault, channel=Channel.WHATSAPP),
        an_address(session, theirs, vault, channel=Channel.TELEGRAM, number="77001", state=AddressState.PENDING),
    ]
    for address in addresses[:2]:
        grant(session, address, FORM)
    return addresses


def hold_by(session: Session, address: Address) -> set[int]:
    return set(hold_everywhere(session, HashedHandle.of(address), SAID))


def release_by(session: Session, address: Address) -> set[int]:
    return set(release(session, [address.number or address.lookup], [address.lookup], DECIDED))


def states(addresses: list[Address]) -> list[AddressState]:
    return [AddressState(address.state) for address in addresses]


def kinds(session: Session, address: Address) -> list[str]:
    lines = select(Consent.kind).where(Consent.address_id == address.id).order_by(Consent.id)
    return list(session.scalars(lines))


@pytest.mark.parametrize("said_on", range(3))
def test_hold_counts_for_the_person(session: Session, person: list[Address], said_on: int) -> None:
    assert hold_by(session, person[said_on]) == {address.id for address in person}
    assert states(person) == [AddressState.HELD] * 3
    assert [kinds(session, address)[-1] for address in person] == [ConsentKind.HELD] * 3


def test_hold_repeated_says_nothing_new(session: Session, person: list[Address]) -> None:
    first = hold_by(session, person[0])
    assert hold_by(session, person[1]) == first
    assert kinds(session, person[0]) == [ConsentKind.GRANTED, ConsentKind.HELD]


def test_released_people_are_what_they_were(session: Session, person: list[Address]) -> None:
    hold_by(session, person[0])
    assert release_by(session, person[1]) == {address.id for address in person}
    assert states(person) == [AddressState.ACTIVE, AddressState.ACTIVE, AddressState.PENDING]
    assert kinds(session, person[2]) == [ConsentKind.HELD, ConsentKind.RELEASED]
    assert session.scalars(select(SuppressedAddress)).all() == []
    assert release_by(session, person[0]) == set()


def test_stop_outweighs_a_hold(session: Session, person: list[Address]) -> None:
    hold_by(session, person[0])
    withdraw_everywhere(session, HashedHandle(person[0].lookup, Channel.SMS, person[0].number), SAID)
    assert states(person) == [AddressState.OPTED_OUT] * 3
    assert release_by(session, person[0]) == set()
    assert states(person) == [AddressState.OPTED_OUT] * 3
    assert person[0].number is not None
    assert (person[0].number, Channel.SMS) in find_suppressed(session, [person[0].number])


def test_hold_does_not_weaken_a_stop(session: Session, person: list[Address]) -> None:
    withdraw_everywhere(session, HashedHandle(person[0].lookup, Channel.SMS, person[0].number), SAID)
    assert hold_by(session, person[0]) == set()
    assert states(person) == [AddressState.OPTED_OUT] * 3
    assert {row.is_hold for row in session.scalars(select(SuppressedAddress))} == {False}


def test_dead_number_stays_dead(session: Session, person: list[Address]) -> None:
    person[0].state = AddressState.INVALID
    assert hold_by(session, person[1]) == {address.id for address in person[1:]}
    assert person[0].state == AddressState.INVALID


def test_new_consent_ends_no_hold(session: Session, person: list[Address]) -> None:
    hold_by(session, person[0])
    assert grant(session, person[2], FORM) is True
    assert states(person[2:]) == [AddressState.HELD]
    release_by(session, person[0])
    assert states(person[2:]) == [AddressState.ACTIVE]


def test_start_ends_a_hold_on_its_channel(session: Session, person: list[Address]) -> None:
    hold_by(session, person[0])
    restore(session, HashedHandle(person[0].lookup, Channel.SMS, person[0].number), SAID)
    assert states(person) == [AddressState.ACTIVE, AddressState.HELD, AddressState.HELD]


def test_stranger_is_remembered_on_hold(session: Session, vault: Vault) -> None:
    lookup, number = vault.lookup_hash(Channel.SMS, NUMBER), vault.number_hash(NUMBER)
    assert hold_everywhere(session, HashedHandle(lookup, Channel.SMS, number), SAID) == []
    assert find_suppressed(session, [number]) == set()
    marks = {(number, Channel.SMS), (number, Channel.WHATSAPP)}
    assert find_suppressed(session, [number], or_held=True) == marks
    release(session, [number], [lookup], DECIDED)
    assert find_suppressed(session, [number], or_held=True) == set()


@pytest.mark.both_databases
def test_lifted_stop_stays_remembered(session: Session, person: list[Address]) -> None:
    withdraw_everywhere(session, HashedHandle(person[0].lookup, Channel.SMS, person[0].number), SAID)
    assert lift(session, person[:1], DECIDED) == [person[0].id]
    assert states(person) == [AddressState.ACTIVE, AddressState.OPTED_OUT, AddressState.OPTED_OUT]
    assert kinds(session, person[0])[-1] == ConsentKind.LIFTED
    assert person[0].number is not None
    assert (person[0].number, Channel.SMS) in find_suppressed(session, [person[0].number])
    # What was lifted was agreed to: a hold that ends leaves it so.
    hold_by(session, person[0])
    release_by(session, person[0])
    assert person[0].state == AddressState.ACTIVE


def test_only_a_stop_is_lifted(session: Session, person: list[Address]) -> None:
    hold_by(session, person[0])
    assert lift(session, person, DECIDED) == []
    assert states(person) == [AddressState.HELD] * 3
