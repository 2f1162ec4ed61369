"""Writes the people of a checked file in batches: new contacts, newer positions, and nobody who said stop."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar, cast

from sqlalchemy import Select, Table, insert, select, text, update
from sqlalchemy.orm import Session

from campaigns.audience.consent import find_suppressed, grant, hold_withdrawals, withdraw
from campaigns.audience.handles import Handle
from campaigns.audience.importer import ContactRow
from campaigns.audience.models import (
    Address,
    AddressState,
    Consent,
    ConsentKind,
    Contact,
    PositionSource,
)
from campaigns.audience.placing import Placing, move_contacts, position_of
from campaigns.core import clock
from campaigns.core.crypto import Vault
from campaigns.core.database import reserve_ids
from campaigns.staff.queries import owned

T = TypeVar("T")

#: Rows written with one statement: below SQLite's limit of bound values in one lookup.
BATCH = 2000
METHOD = "import"
_CONTACT, _ADDRESS = cast(Table, Contact.__table__), cast(Table, Address.__table__)


@dataclass
class Counts:
    """What became (or would become) of a file's people."""

    added: int = 0
    updated: int = 0
    said_stop: int = 0


@dataclass(frozen=True, slots=True)
class _Known:
    """Rows of a batch by what we know of their handles."""

    lookups: dict[Handle, bytes]
    addresses: dict[bytes, Address]
    suppressed: set[bytes]

    def is_stopped(self, row: ContactRow) -> bool:
        lookup = self.lookups[row.handle]
        address = self.addresses.get(lookup)
        return lookup in self.suppressed or (address is not None and address.state == AddressState.OPTED_OUT)


def count_people(session: Session, organisation_id: int, rows: Sequence[ContactRow], *, vault: Vault) -> Counts:
    """Count what `take_in` would do with these rows, and change nothing."""
    counts = Counts()
    for batch in _batches(rows):
        known = _look_up(session, organisation_id, batch, vault)
        stopped = sum(known.is_stopped(row) for row in batch)
        present = sum(known.lookups[row.handle] in known.addresses for row in batch if not known.is_stopped(row))
        counts.said_stop += stopped
        counts.updated += present
        counts.added += len(batch) - stopped - present
    return counts


def take_in(
    session: Session, organisation_id: int, rows: Sequence[ContactRow], *, placing: Placing, vault: Vault
) -> Counts:
    """Add the people of these rows and bring known ones up to date; people who said stop are only counted.

    Consent of known people is written down when they had none; it never lifts a withdrawal, not even one that
    arrives while the file is being written.
    """
    counts = Counts()
    added: list[bytes] = []
    for number, batch in enumerate(_batches(rows)):
        if number == 1:
            _tell_planner(session)
        known = _look_up(session, organisation_id, batch, vault)
        going = [row for row in batch if not known.is_stopped(row)]
        new = [row for row in going if known.lookups[row.handle] not in known.addresses]
        old = [row for row in going if known.lookups[row.handle] in known.addresses]
        _add(session, organisation_id, new, known=known, placing=placing, vault=vault)
        _refresh(session, old, known=known, placing=placing)
        added += [known.lookups[row.handle] for row in new]
        counts.updated += len(old)
        counts.said_stop += len(batch) - len(going)
    stopped = _heed_late_stops(session, organisation_id, added)
    counts.added += len(added) - stopped
    counts.said_stop += stopped
    return counts


def _tell_planner(session: Session) -> None:
    """Let PostgreSQL know that its tables are not empty any more.

    It checks foreign keys by plans that it made for the first row: in an empty table, by reading all of it for
    each later row, which makes a first import of 100,000 people take minutes.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ANALYZE contact, address"))


def _heed_late_stops(session: Session, organisation_id: int, added: Sequence[bytes]) -> int:
    """Withdraw new addresses whose person said stop since they were looked up, and return how many."""
    hold_withdrawals(session)
    stopped = 0
    for lookups in _batches(added):
        late = find_suppressed(session, lookups)
        found = session.scalars(_addresses(organisation_id, late)).all() if late else []
        withdraw(session, found, method=METHOD, wording="said stop while the file was imported", at=clock.now())
        stopped += len(found)
    return stopped


def _batches(rows: Sequence[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _look_up(session: Session, organisation_id: int, batch: Sequence[ContactRow], vault: Vault) -> _Known:
    lookups = {row.handle: vault.lookup_hash(row.handle.channel, row.handle.text) for row in batch}
    found = session.scalars(_addresses(organisation_id, lookups.values()))
    addresses = {address.lookup: address for address in found}
    return _Known(lookups, addresses, find_suppressed(session, list(lookups.values())))


def _addresses(organisation_id: int, lookups: Collection[bytes]) -> Select[Address]:
    # The hash covers the channel too.
    return owned(select(Address).where(Address.lookup.in_(lookups)), Address, organisation_id)


def _add(
    session: Session,
    organisation_id: int,
    rows: Sequence[ContactRow],
    *,
    known: _Known,
    placing: Placing,
    vault: Vault,
) -> None:
    if not rows:
        return
    now = clock.now()
    contact_ids = list(reserve_ids(session, _CONTACT, len(rows)))
    address_ids = list(reserve_ids(session, _ADDRESS, len(rows)))
    pairs = list(zip(contact_ids, address_ids, rows, strict=True))
    contacts = [
        {"id": contact_id, "organisation_id": organisation_id, "created_at": now}
        | {"language": row.language, "other_language": row.other_language}
        | _position_of(row, placing)
        for contact_id, _, row in pairs
    ]
    addresses = [
        {"id": address_id, "organisation_id": organisation_id, "contact_id": contact_id}
        | {"ciphertext": vault.seal(row.handle.text, table="address", column="ciphertext", row_id=address_id)}
        | {"channel": row.handle.channel, "lookup": known.lookups[row.handle]}
        | {"country": row.handle.country, "created_at": now}
        for contact_id, address_id, row in pairs
    ]
    consents = [
        {"contact_id": contact_id, "address_id": address_id, "channel": row.handle.channel, "method": METHOD}
        | {"wording": row.consent_how, "given_at": row.consent_at, "recorded_at": now}
        for contact_id, address_id, row in pairs
    ]
    session.execute(insert(Contact), contacts)
    session.execute(insert(Address).values(state=AddressState.ACTIVE), addresses)
    session.execute(insert(Consent).values(kind=ConsentKind.GRANTED), consents)


def _refresh(session: Session, rows: Sequence[ContactRow], *, known: _Known, placing: Placing) -> None:
    """Write known people's languages, and positions newer than theirs, all rows with two statements."""
    spoken: list[dict[str, Any]] = []
    moved: list[tuple[int, dict[str, Any]]] = []
    for row in rows:
        address = known.addresses[known.lookups[row.handle]]
        spoken.append({"id": address.contact_id, "language": row.language, "other_language": row.other_language})
        if row.position_at is not None:
            moved.append((address.contact_id, _position_of(row, placing)))
        if address.state == AddressState.PENDING:
            grant(session, address, method=METHOD, wording=row.consent_how, given_at=row.consent_at)
    if spoken:
        session.execute(update(Contact), spoken)
    move_contacts(session, moved)


def _position_of(row: ContactRow, placing: Placing) -> dict[str, Any]:
    source = PositionSource.IMPORT if row.position_at is not None else None
    return position_of(placing.standing_of(row), source=source, said_at=row.position_at)
