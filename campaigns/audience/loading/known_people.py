"""Looks up what is known of the people of a file, some rows at a time; nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.handles import Handle, number_key
from campaigns.audience.consent.ledger import Mark, find_suppressed
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.loading.table_loading import hashes_present
from campaigns.audience.models import Address, AddressState, Channel, SuppressedAddress
from campaigns.core.keys.crypto import Vault
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Hashes:
    """The keyed hashes of a handle, as Address has them."""

    lookup: bytes
    number: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """Rows of a batch by what we know of their handles."""

    hashes: dict[Handle, Hashes]
    #: Addresses by hash and channel, and those of a number on any channel, the first that were added come first.
    addresses: dict[Mark, Address]
    by_number: dict[bytes, list[Address]]
    suppressed: set[Mark]

    def is_stopped(self, row: ContactRow) -> bool:
        """Say whether the person said stop by any handle of the row: then the file brings no other one in."""
        if not self.addresses and not self.suppressed:
            return False
        handles = (*row.handles, *row.beside)
        states = {address.state for handle in handles if (address := self.address_of(handle)) is not None}
        marks = {mark for handle in handles for mark in self._marks(handle)}
        return AddressState.OPTED_OUT in states or not marks.isdisjoint(self.suppressed)

    def numbers_beside(self, row: ContactRow) -> Iterator[Mark]:
        """Give what would be remembered, had the person said stop by a handle that is not taken."""
        return ((self.hashes[handle].number, handle.channel) for handle in row.beside)

    def count_numbers(self) -> int:
        """Return how many different numbers the batch has."""
        return len({one.number for one in self.hashes.values()})

    def of(self, row: ContactRow) -> list[Address]:
        """Return the addresses of a row that we have already, in the order of its handles."""
        found = (self.address_of(handle) for handle in row.handles)
        return [address for address in found if address is not None]

    def address_of(self, handle: Handle) -> Address | None:
        """Return the address that a handle is, however it was spelled, or None."""
        return next((self.addresses[mark] for mark in self._marks(handle) if mark in self.addresses), None)

    def contact_of(self, row: ContactRow) -> int | None:
        """Return the contact that a row is about: one with an address of it, else one with a number of it."""
        if not self.addresses:
            return None
        numbers = (self.by_number.get(self.hashes[handle].number, ()) for handle in row.handles)
        found = [*self.of(row), *(address for addresses in numbers for address in addresses)]
        return found[0].contact_id if found else None

    def _marks(self, handle: Handle) -> tuple[Mark, Mark]:
        hashes = self.hashes[handle]
        return (hashes.lookup, handle.channel), (hashes.number, handle.channel)


def look_up(
    session: Session,
    organisation_id: int,
    batch: Sequence[ContactRow],
    vault: Vault,
    *,
    state: AddressState | None = None,
) -> Known:
    """Return what is known of the people of these rows; with `state` only of addresses that are in it."""
    hashes = {
        handle: Hashes(
            vault.lookup_hash(handle.channel, handle.text), number_key(vault, handle.channel, handle.text)
        )
        for row in batch
        for handle in (*row.handles, *row.beside)
    }
    lookups, numbers = {one.lookup for one in hashes.values()}, {one.number for one in hashes.values()}
    addresses: dict[Mark, Address] = {}
    by_number: defaultdict[bytes, list[Address]] = defaultdict(list)
    for address in _addresses_with(session, organisation_id, lookups, numbers, state):
        number, channel = address.number or address.lookup, Channel(address.channel)
        by_number[number].append(address)
        addresses.setdefault((number, channel), address)
        addresses[address.lookup, channel] = address
    remembered = hashes_present(session, SuppressedAddress.lookup, lookups | numbers)
    suppressed = find_suppressed(session, remembered) if remembered else set()
    return Known(hashes, addresses, dict(by_number), suppressed)


def _addresses_with(
    session: Session,
    organisation_id: int,
    lookups: Collection[bytes],
    numbers: Collection[bytes],
    state: AddressState | None,
) -> Iterable[Address]:
    """Return the organisation's addresses with any of these hashes, by id; with `state` only those in it."""
    # Most files are of people whom nobody knows.
    lookups = hashes_present(session, Address.lookup, lookups)
    numbers = hashes_present(session, Address.number, numbers)
    if not lookups and not numbers:
        return ()
    same = _addresses(organisation_id, lookups, numbers)
    return session.scalars(same if state is None else same.where(Address.state == state))


def _addresses(organisation_id: int, lookups: Collection[bytes], numbers: Collection[bytes]) -> Select[Address]:
    same = or_(Address.lookup.in_(lookups), Address.number.in_(numbers))
    return owned(select(Address).where(same), Address, organisation_id).order_by(Address.id)
