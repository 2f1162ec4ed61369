"""Holds: somebody may have meant a stop, so nothing is sent to them by itself until a member has decided.

A hold counts for the person, as a stop does: for every address of theirs on any channel, in all organisations. It
never ends by itself. Lifting a stop by hand counts for one organisation: it knows what the person told it, and
nobody else does. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.ledger import entry_of, marks_of_person, remember
from campaigns.audience.consent.pairs import find_pairs
from campaigns.audience.consent.person import lock_person
from campaigns.audience.models import Address, AddressState, Consent, ConsentKind, SuppressedAddress

#: What a person, or a member for them, settled; the last of these counts again when a hold ends.
_SETTLED = (ConsentKind.GRANTED, ConsentKind.LIFTED, ConsentKind.WITHDRAWN)
#: States in which an address may be put on hold: a stop is more, and a dead number is not written to anyway.
_HELD_FROM = (AddressState.PENDING, AddressState.ACTIVE)


def hold_everywhere(session: Session, handle: HashedHandle, said: Declaration) -> list[int]:
    """Put the person behind a handle on hold; return the ids of their addresses that are on hold now.

    The hashes are remembered apart from the contacts, so that whoever imports the person imports them on hold.
    """
    addresses = lock_person(session, [handle.phone], [handle.lookup])
    remember(session, addresses, marks_of_person(session, handle), is_hold=True)
    return hold(session, addresses, said)


def hold(session: Session, addresses: Sequence[Address], said: Declaration) -> list[int]:
    """Put on hold each address that might be written to; return the ids of those on hold now.

    Whoever said stop before keeps that, and what answers them is not sent: they may have said it again.
    """
    for address in addresses:
        if address.state in _HELD_FROM:
            session.add(entry_of(address, ConsentKind.HELD, said))
            address.state = AddressState.HELD
        elif address.state == AddressState.OPTED_OUT:
            session.add(entry_of(address, ConsentKind.HELD, said))
    session.flush()
    return [address.id for address in addresses if address.state == AddressState.HELD]


def release(
    session: Session, numbers: Collection[bytes], lookups: Collection[bytes], said: Declaration
) -> list[int]:
    """End the hold of the people behind keyed hashes, as in Address; return the ids of the addresses it ended for.

    Each is then what it was before: agreed to or not. A stop stays one.
    """
    addresses = lock_person(session, numbers, lookups)
    keys = {*numbers, *lookups} | _hashes_of(addresses)
    keys |= find_pairs(session, keys)
    session.execute(delete(SuppressedAddress).where(SuppressedAddress.lookup.in_(keys), SuppressedAddress.is_hold))
    held = [address for address in addresses if address.state == AddressState.HELD]
    agreed = _agreed(session, [address.id for address in held])
    for address in held:
        session.add(entry_of(address, ConsentKind.RELEASED, said))
        address.state = AddressState.ACTIVE if address.id in agreed else AddressState.PENDING
    session.flush()
    return [address.id for address in held]


def lift(session: Session, addresses: Iterable[Address], said: Declaration) -> list[int]:
    """Lift the stops of locked addresses, because a member knows that the person wants it; return their ids.

    The keyed hashes stay remembered: nobody else imports the person.
    """
    stopped = [address for address in addresses if address.state == AddressState.OPTED_OUT]
    for address in stopped:
        session.add(entry_of(address, ConsentKind.LIFTED, said))
        address.state = AddressState.ACTIVE
    session.flush()
    return [address.id for address in stopped]


def _hashes_of(addresses: Iterable[Address]) -> set[bytes]:
    return {key for address in addresses for key in (address.lookup, address.number) if key is not None}


def _agreed(session: Session, address_ids: Collection[int]) -> set[int]:
    """Return which of these addresses were agreed to by what was settled last."""
    last = (
        select(func.max(Consent.id))
        .where(Consent.address_id.in_(address_ids), Consent.kind.in_(_SETTLED))
        .group_by(Consent.address_id)
    )
    agreed = select(Consent.address_id).where(Consent.id.in_(last), Consent.kind != ConsentKind.WITHDRAWN)
    return set(session.scalars(agreed))
