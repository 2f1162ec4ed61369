"""What an earlier version wrote is made whole: numbers get their hashes, and old stops hold on the whole phone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.ledger import find_suppressed
from campaigns.audience.consent.numbering import fill_numbers, lacks_numbers
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind
from campaigns.core.keys.crypto import Vault
from tests.factories import NOON, a_contact, an_address, an_organisation

NUMBER, CHAT = "+380501234567", "77001"
WHATSAPP: dict[str, Any] = {"channel": Channel.WHATSAPP}


def forget_numbers(sessions: sessionmaker[Session]) -> None:
    """Leave the addresses as an earlier version wrote them."""
    with sessions.begin() as session:
        session.execute(update(Address).values(number=None))


def said(session: Session, address: Address, kind: ConsentKind, at: datetime) -> None:
    line = {"contact_id": address.contact_id, "address_id": address.id, "channel": address.channel}
    session.add(Consent(**line, kind=kind, method="keyword", wording="reply 1", given_at=at, recorded_at=at))
    is_stop = kind is ConsentKind.WITHDRAWN
    address.state = AddressState.OPTED_OUT if is_stop else AddressState.ACTIVE
    session.flush()


def states(sessions: sessionmaker[Session]) -> list[AddressState]:
    with sessions() as session:
        return [AddressState(state) for state in session.scalars(select(Address.state).order_by(Address.id))]


def test_numbers_are_filled_in_batches(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        ours = an_organisation(session)
        first, second = a_contact(session, ours), a_contact(session, ours)
        an_address(session, first, vault)
        an_address(session, second, vault, **WHATSAPP)
        an_address(session, first, vault, number=CHAT, channel=Channel.TELEGRAM, country=None)
        an_address(session, second, vault, number="+380509999999")
        damaged = an_address(session, a_contact(session, ours), vault, number="+380508888888")
        damaged.ciphertext = b"\1short"
        lookup = damaged.lookup
    forget_numbers(sessions)
    with sessions() as session:
        assert lacks_numbers(session)
    assert fill_numbers(sessions, vault, batch=2) == 5
    with sessions() as session:
        assert not lacks_numbers(session)
        rows = session.execute(select(Address.number, Address.is_shared).order_by(Address.id)).all()
    phone, chat = vault.number_hash(NUMBER), vault.lookup_hash(Channel.TELEGRAM, CHAT)
    wanted = [(phone, True), (phone, True), (chat, False), (vault.number_hash("+380509999999"), False)]
    assert [tuple(row) for row in rows] == [*wanted, (lookup, False)]
    assert fill_numbers(sessions, vault) == 0


@pytest.mark.one_database
@pytest.mark.parametrize("batch", [1, 2, 10])
@pytest.mark.parametrize("stopped", range(3))
def test_old_stops_hold_on_the_whole_phone(
    sessions: sessionmaker[Session], vault: Vault, batch: int, stopped: int
) -> None:
    with sessions.begin() as session:
        ours, theirs = (a_contact(session, an_organisation(session)) for _ in range(2))
        addresses = [
            an_address(session, ours, vault),
            an_address(session, theirs, vault, **WHATSAPP),
            an_address(session, theirs, vault, number=CHAT, channel=Channel.TELEGRAM, country=None),
        ]
        for address in addresses:
            said(session, address, ConsentKind.GRANTED, NOON - timedelta(days=9))
        said(session, addresses[stopped], ConsentKind.WITHDRAWN, NOON - timedelta(days=5))
        an_address(session, a_contact(session, an_organisation(session)), vault, number="+380670000001")
    forget_numbers(sessions)
    fill_numbers(sessions, vault, batch=batch)
    assert states(sessions) == [AddressState.OPTED_OUT] * 3 + [AddressState.ACTIVE]
    number = vault.number_hash(NUMBER)
    with sessions() as session:
        assert find_suppressed(session, [number]) == {(number, Channel.SMS), (number, Channel.WHATSAPP)}


def test_who_agreed_elsewhere_after_a_stop_is_left_there(sessions: sessionmaker[Session], vault: Vault) -> None:
    with sessions.begin() as session:
        contact = a_contact(session, an_organisation(session))
        sms, whatsapp = an_address(session, contact, vault), an_address(session, contact, vault, **WHATSAPP)
        said(session, sms, ConsentKind.WITHDRAWN, NOON - timedelta(days=5))
        said(session, whatsapp, ConsentKind.GRANTED, NOON - timedelta(days=1))
    forget_numbers(sessions)
    fill_numbers(sessions, vault)
    assert states(sessions) == [AddressState.OPTED_OUT, AddressState.ACTIVE]
