"""The ledger only grows, a withdrawal holds everywhere, and only START from the same handle lifts it."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import (
    find_suppressed,
    grant,
    hold_withdrawals,
    mark_invalid,
    restore,
    withdraw_everywhere,
)
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind
from campaigns.core.keys.crypto import Vault
from tests.factories import NOON, a_contact, an_address, an_organisation

pytestmark = pytest.mark.one_database

SAID = Declaration("keyword", "STOP", NOON)
FORM = Declaration("form", "v1", NOON)


def two_organisations(session: Session, vault: Vault) -> list[Address]:
    """The same person as a contact of two organisations."""
    return [an_address(session, a_contact(session, an_organisation(session)), vault) for _ in range(2)]


def test_stop_holds_in_every_organisation(session: Session, vault: Vault) -> None:
    addresses = two_organisations(session, vault)
    found = withdraw_everywhere(session, HashedHandle(addresses[0].lookup, Channel.SMS), SAID)
    assert sorted(found) == sorted(address.id for address in addresses)
    assert {address.state for address in addresses} == {AddressState.OPTED_OUT}


def test_new_consent_does_not_lift_a_stop(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    withdraw_everywhere(session, HashedHandle(address.lookup, Channel.SMS), SAID)
    assert grant(session, address, FORM) is False
    assert address.state == AddressState.OPTED_OUT


def test_start_lifts_a_stop(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    withdraw_everywhere(session, HashedHandle(address.lookup, Channel.SMS), SAID)
    restore(session, HashedHandle(address.lookup, Channel.SMS), Declaration("keyword", "START", NOON))
    assert address.state == AddressState.ACTIVE
    assert address.number is not None
    assert find_suppressed(session, [address.lookup, address.number]) == {(address.number, Channel.WHATSAPP)}


def test_stranger_who_says_stop_is_remembered(session: Session, vault: Vault) -> None:
    lookup, number = vault.lookup_hash(Channel.SMS, "+380509999999"), vault.number_hash("+380509999999")
    assert withdraw_everywhere(session, HashedHandle(lookup, Channel.SMS, number), SAID) == []
    assert find_suppressed(session, [number]) == {(number, Channel.SMS), (number, Channel.WHATSAPP)}


def test_handle_that_is_no_number_is_remembered_on_its_channel(session: Session, vault: Vault) -> None:
    chat = vault.lookup_hash(Channel.TELEGRAM, "42")
    assert withdraw_everywhere(session, HashedHandle(chat, Channel.TELEGRAM, chat), SAID) == []
    assert find_suppressed(session, [chat]) == {(chat, Channel.TELEGRAM)}


def test_dead_number_lives_again_by_start_alone(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    assert mark_invalid(session, [address.id]) == 1
    session.refresh(address)
    grant(session, address, FORM)
    granted = address.state
    restore(session, HashedHandle(address.lookup, Channel.SMS), Declaration("keyword", "START", NOON))
    assert (granted, address.state) == (AddressState.INVALID, AddressState.ACTIVE)


def test_stop_outlives_a_dead_number(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    withdraw_everywhere(session, HashedHandle(address.lookup, Channel.SMS), SAID)
    assert mark_invalid(session, [address.id]) == 0


def test_each_stop_has_a_line(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    for _ in range(3):
        withdraw_everywhere(session, HashedHandle(address.lookup, Channel.SMS), SAID)
    lines = session.scalars(select(Consent).where(Consent.address_id == address.id)).all()
    assert [line.kind for line in lines] == 3 * [ConsentKind.WITHDRAWN]


def state_by_ledger(session: Session, address: Address) -> AddressState:
    """What the ledger alone says: the last line decides, no line is no consent."""
    lines = select(Consent.kind).where(Consent.address_id == address.id).order_by(Consent.id)
    states = {ConsentKind.GRANTED: AddressState.ACTIVE, ConsentKind.WITHDRAWN: AddressState.OPTED_OUT}
    return [AddressState.PENDING, *(states[kind] for kind in session.scalars(lines))][-1]


@pytest.mark.parametrize("seed", range(6))
def test_state_follows_from_the_ledger(session: Session, vault: Vault, seed: int) -> None:
    addresses = two_organisations(session, vault)
    for address in addresses:
        address.state = AddressState.PENDING
    start = Declaration("keyword", "START", NOON)
    acts: list[Callable[[Address], object]] = [
        lambda one: grant(session, one, FORM),
        lambda one: withdraw_everywhere(session, HashedHandle(one.lookup, Channel.SMS), SAID),
        lambda one: restore(session, HashedHandle(one.lookup, Channel.SMS), start),
    ]
    chance = random.Random(seed)
    for _ in range(8):
        chance.choice(acts)(chance.choice(addresses))
        assert [address.state for address in addresses] == [state_by_ledger(session, one) for one in addresses]


@pytest.mark.both_databases
def test_withdrawal_waits_for_an_import_to_end(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as preparing:
        organisation = an_organisation(preparing)
    lookup = vault.lookup_hash(Channel.SMS, "+380501234567")

    def say_stop() -> list[int]:
        with sessions.begin() as session:
            return withdraw_everywhere(session, HashedHandle(lookup, Channel.SMS), SAID)

    with ThreadPoolExecutor() as pool:
        with sessions.begin() as importing:
            address = an_address(importing, a_contact(importing, organisation), vault)
            hold_withdrawals(importing)
            saying = pool.submit(say_stop)
            wait([saying], timeout=0.2)
            assert not saying.done()
        assert saying.result(timeout=10) == [address.id]
