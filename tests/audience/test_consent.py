"""The ledger only grows, a withdrawal holds everywhere, and only START from the same handle lifts it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent import (
    find_suppressed,
    grant,
    mark_invalid,
    restore,
    withdraw_everywhere,
)
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind
from campaigns.core.crypto import Vault
from tests.factories import NOON, a_contact, an_address, an_organisation

SAID = {"method": "keyword", "wording": "STOP"}
FORM = {"method": "form", "wording": "v1", "given_at": NOON}


def two_organisations(session: Session, vault: Vault) -> list[Address]:
    """The same person as a contact of two organisations."""
    return [an_address(session, a_contact(session, an_organisation(session)), vault) for _ in range(2)]


def test_stop_holds_in_every_organisation(session: Session, vault: Vault) -> None:
    addresses = two_organisations(session, vault)
    found = withdraw_everywhere(session, addresses[0].lookup, Channel.SMS, **SAID, at=NOON)
    assert sorted(found) == sorted(address.id for address in addresses)
    assert {address.state for address in addresses} == {AddressState.OPTED_OUT}


def test_new_consent_does_not_lift_a_stop(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    withdraw_everywhere(session, address.lookup, Channel.SMS, **SAID, at=NOON)
    assert grant(session, address, **FORM) is False
    assert address.state == AddressState.OPTED_OUT


def test_start_lifts_a_stop(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    withdraw_everywhere(session, address.lookup, Channel.SMS, **SAID, at=NOON)
    restore(session, address.lookup, Channel.SMS, method="keyword", wording="START", at=NOON)
    assert address.state == AddressState.ACTIVE
    assert find_suppressed(session, [address.lookup]) == set()


def test_stranger_who_says_stop_is_remembered(session: Session, vault: Vault) -> None:
    lookup = vault.lookup_hash(Channel.SMS, "+380509999999")
    assert withdraw_everywhere(session, lookup, Channel.SMS, **SAID, at=NOON) == []
    assert find_suppressed(session, [lookup]) == {lookup}


def test_dead_number_stays_dead(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    assert mark_invalid(session, [address.id]) == 1
    session.refresh(address)
    grant(session, address, **FORM)
    restore(session, address.lookup, Channel.SMS, method="keyword", wording="START", at=NOON)
    assert address.state == AddressState.INVALID


def test_stop_outlives_a_dead_number(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    withdraw_everywhere(session, address.lookup, Channel.SMS, **SAID, at=NOON)
    assert mark_invalid(session, [address.id]) == 0


def test_repeated_stop_adds_one_line(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    for _ in range(3):
        withdraw_everywhere(session, address.lookup, Channel.SMS, **SAID, at=NOON)
    lines = session.scalars(select(Consent).where(Consent.address_id == address.id)).all()
    assert [line.kind for line in lines] == [ConsentKind.WITHDRAWN]


def test_state_follows_from_the_ledger(session: Session, vault: Vault) -> None:
    address = two_organisations(session, vault)[0]
    address.state = AddressState.PENDING
    grant(session, address, **FORM)
    withdraw_everywhere(session, address.lookup, Channel.SMS, **SAID, at=NOON)
    restore(session, address.lookup, Channel.SMS, method="keyword", wording="START", at=NOON)
    last = session.scalars(
        select(Consent).where(Consent.address_id == address.id).order_by(Consent.id.desc())
    ).first()
    assert last is not None
    assert (last.kind, address.state) == (ConsentKind.GRANTED, AddressState.ACTIVE)
