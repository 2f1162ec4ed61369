"""The consent ledger's only writer: each verb appends to it and brings the state of the addresses in line.

A withdrawal counts for every contact of the instance with that handle, in all organisations, and is lifted only
by START from the same handle. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Consent,
    ConsentKind,
    SuppressedAddress,
)
from campaigns.core import clock

#: Key of the advisory lock between withdrawals and imports ("stop" in ASCII).
_GATE = 0x73746F70
#: An address that the provider calls dead stays so, whatever the person said before.
_FIXED = (AddressState.OPTED_OUT, AddressState.INVALID)


def grant(session: Session, address: Address, *, method: str, wording: str, given_at: datetime) -> bool:
    """Record that a person agreed on one address; return False, and record nothing, for one that said stop.

    `wording` names the version shown or the evidence given. Only `restore` lifts a withdrawal.
    """
    if address.state == AddressState.OPTED_OUT:
        return False
    session.add(_entry(address, ConsentKind.GRANTED, method=method, wording=wording, given_at=given_at))
    if address.state not in _FIXED:
        address.state = AddressState.ACTIVE
    session.flush()
    return True


def withdraw(
    session: Session, addresses: Sequence[Address], *, method: str, wording: str, at: datetime
) -> list[int]:
    """Record the withdrawal of each address that has not withdrawn yet; return the ids of all of them."""
    for address in addresses:
        if address.state != AddressState.OPTED_OUT:
            session.add(_entry(address, ConsentKind.WITHDRAWN, method=method, wording=wording, given_at=at))
            address.state = AddressState.OPTED_OUT
    session.flush()
    return [address.id for address in addresses]


def withdraw_everywhere(
    session: Session, lookup: bytes, channel: Channel, *, method: str, wording: str, at: datetime
) -> list[int]:
    """Record that the person behind a keyed hash said stop; return the address ids of every contact that has it.

    The hash is remembered apart from the contacts, so that no import brings the person back.
    """
    _pass_gate(session, func.pg_advisory_xact_lock_shared)
    addresses = session.scalars(_having(lookup, channel).with_for_update()).all()
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    # Two messages of one person may be read at the same instant.
    remembering = dialect.insert(SuppressedAddress).on_conflict_do_nothing()
    session.execute(remembering, {"lookup": lookup, "channel": channel, "since": clock.now()})
    return withdraw(session, addresses, method=method, wording=wording, at=at)


def hold_withdrawals(session: Session) -> None:
    """Let no withdrawal be written beside this transaction until it ends.

    An import ends with it: what was withdrawn while it wrote is visible then, and what is withdrawn later sees
    its addresses. SQLite needs nothing, it has one writer.
    """
    _pass_gate(session, func.pg_advisory_xact_lock)


def restore(
    session: Session, lookup: bytes, channel: Channel, *, method: str, wording: str, at: datetime
) -> list[int]:
    """Record START from a handle: its withdrawal is lifted; return the ids of the addresses now active."""
    session.execute(delete(SuppressedAddress).where(SuppressedAddress.lookup == lookup))
    addresses = session.scalars(_having(lookup, channel).with_for_update()).all()
    living = [address for address in addresses if address.state != AddressState.INVALID]
    for address in living:
        session.add(_entry(address, ConsentKind.GRANTED, method=method, wording=wording, given_at=at))
        address.state = AddressState.ACTIVE
    session.flush()
    return [address.id for address in living]


def mark_invalid(session: Session, address_ids: Collection[int]) -> int:
    """Mark addresses that the provider calls dead; one that said stop keeps that. Return how many changed."""
    living = (AddressState.PENDING, AddressState.ACTIVE)
    changed = session.execute(
        update(Address)
        .where(Address.id.in_(address_ids), Address.state.in_(living))
        .values(state=AddressState.INVALID)
        .returning(Address.id)
    )
    return len(changed.all())


def find_suppressed(session: Session, lookups: Collection[bytes]) -> set[bytes]:
    """Return those of the keyed hashes whose person said stop, as a contact or before being one."""
    return set(session.scalars(select(SuppressedAddress.lookup).where(SuppressedAddress.lookup.in_(lookups))))


def _pass_gate(session: Session, lock: Any) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(lock(_GATE)))


def _having(lookup: bytes, channel: Channel) -> Select[Address]:
    return select(Address).where(Address.lookup == lookup, Address.channel == channel)


def _entry(address: Address, kind: ConsentKind, *, method: str, wording: str, given_at: datetime) -> Consent:
    return Consent(
        contact_id=address.contact_id,
        address_id=address.id,
        channel=address.channel,
        kind=kind,
        method=method,
        wording=wording,
        given_at=given_at,
        recorded_at=clock.now(),
    )
