"""Rows of new contacts, of their addresses and of the ledger are made here, in the order of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table

from campaigns.audience.consent.handles import Handle
from campaigns.audience.consent.sealed_words import evidence_sealer
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.loading.known_people import Hashes
from campaigns.audience.loading.table_loading import Row
from campaigns.audience.models import (
    PURPOSE,
    Address,
    AddressState,
    Consent,
    ConsentKind,
    Contact,
    PositionSource,
)
from campaigns.audience.positions import Placing, position_of
from campaigns.core.keys.crypto import Vault

METHOD = "import"
# Written to as tables: the mapper looks at each row of an insert by itself.
CONTACT, ADDRESS, CONSENT = (cast(Table, model.__table__) for model in (Contact, Address, Consent))
#: What a new row says, in the order of its values; the others are as the database makes them, or empty.
COLUMNS: Mapping[Table, Sequence[str]] = {
    CONTACT: (
        *("id", "organisation_id", "created_at", "language", "other_language"),
        *("cell", "region_id", "time_zone", "position_source", "position_at"),
    ),
    ADDRESS: (
        *("id", "organisation_id", "contact_id", "channel", "ciphertext", "lookup", "number", "country"),
        *("state", "rank", "created_at"),
    ),
    CONSENT: (
        *("address_id", "contact_id", "channel", "kind", "method", "wording", "purpose"),
        *("sealed_evidence", "given_at", "recorded_at"),
    ),
}
_NEW_STATE = AddressState.ACTIVE.value
#: Kind, method, wording and purpose of the line that a row of a file brings.
_GRANTED = (ConsentKind.GRANTED.value, METHOD, "", PURPOSE)


@dataclass(frozen=True, slots=True)
class Entry:
    """An address to be added, and the row that tells of it."""

    contact_id: int
    row: ContactRow
    handle: Handle


@dataclass(frozen=True, slots=True)
class NewRows:
    """Makes the rows of what a file brings to an organisation at a moment."""

    organisation_id: int
    placing: Placing
    vault: Vault
    now: datetime

    def contacts(self, people: Mapping[int, ContactRow]) -> list[Row]:
        """Return the rows of people by the ids that they get; `placing` knows their batch."""
        at = self.organisation_id, self.now
        # All of them are placed now: the next rows are placed while these are written.
        return [
            (contact_id, *at, row.language, row.other_language, *placed_at(row, self.placing).values())
            for contact_id, row in people.items()
        ]

    def addresses(self, entries: Mapping[int, Entry], hashes: Mapping[Handle, Hashes]) -> Iterator[Row]:
        """Give the rows of addresses by the ids that they get."""
        seal = self.vault.sealer(table="address", column="ciphertext")
        for address_id, entry in entries.items():
            handle, hashed = entry.handle, hashes[entry.handle]
            owner = (self.organisation_id, entry.contact_id, handle.channel.value)
            sealed, rank = seal(handle.text, address_id), entry.row.handles.index(handle)
            about = (sealed, hashed.lookup, hashed.number, handle.country)
            yield address_id, *owner, *about, _NEW_STATE, rank, self.now

    def consents(self, entries: Mapping[int, Entry]) -> Iterator[Row]:
        """Give the lines of the ledger that tell of the consent to these addresses."""
        seal = evidence_sealer(self.vault)
        for address_id, entry in entries.items():
            row, evidence = entry.row, seal(entry.row.consent_how, address_id)
            about = (address_id, entry.contact_id, entry.handle.channel.value)
            yield *about, *_GRANTED, evidence, row.consent_at, self.now


def entries_of(people: Mapping[int, ContactRow]) -> Iterable[Entry]:
    """Give all addresses of new people."""
    return (Entry(contact_id, row, handle) for contact_id, row in people.items() for handle in row.handles)


def placed_at(row: ContactRow, placing: Placing) -> dict[str, Any]:
    """Return the columns of a contact that say where the person of a row was."""
    source = PositionSource.IMPORT if row.position_at is not None else None
    return position_of(placing.standing_of(row), source=source, said_at=row.position_at)
