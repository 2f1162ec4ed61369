"""Whoever writes to an organisation without joining is a contact of it, to whom nobody may write by itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.handles import Handle, number_key
from campaigns.audience.consent.holds import hold
from campaigns.audience.consent.ledger import hold_withdrawals, withdraw
from campaigns.audience.joining.join import add_address, add_contact, find_known, find_without
from campaigns.audience.models import Address, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE


def note_writer(session: Session, organisation_id: int, handle: Handle, *, at: datetime, vault: Vault) -> Address:
    """Return the address that somebody wrote from, new to the organisation or not.

    A new one is pending: it agreed to nothing. Who said stop from that phone before is opted out.
    """
    # As for a join: no stop may be written beside this.
    hold_withdrawals(session)
    lookup = vault.lookup_hash(handle.channel, handle.text)
    number = number_key(vault, handle.channel, handle.text)
    known = find_known(session, organisation_id, lookup=lookup, number=number)
    address = next((each for each in known if each.channel == handle.channel), None)
    if address is not None:
        return address
    contact_id = find_without(session, handle.channel, known) or add_contact(
        session, organisation_id, language=UNKNOWN_LANGUAGE, at=at
    )
    address = add_address(session, contact_id, organisation_id, handle, vault=vault, at=at)
    _remember(session, address, (lookup, number))
    return address


def _remember(session: Session, address: Address, hashes: tuple[bytes, bytes]) -> None:
    """Let what was said from this phone before count for a new address."""
    said = select(SuppressedAddress).where(
        SuppressedAddress.lookup.in_(hashes), SuppressedAddress.channel == address.channel
    )
    # A stop outweighs a hold.
    mark = session.scalars(said.order_by(SuppressedAddress.is_hold, SuppressedAddress.since).limit(1)).first()
    if mark is not None:
        refuse = hold if mark.is_hold else withdraw
        refuse(session, [address], Declaration("keyword", "remembered", mark.since))
