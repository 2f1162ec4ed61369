"""New people of a file are made ready as rows before anybody waits: on SQLite a stop waits for whoever writes.

What takes long is done without a transaction: placing, hashing, sealing. The transaction looks once more for who
is known by now, or said stop meanwhile; these, and people who were known before, are taken in as in any import.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import compress, count, islice, zip_longest
from struct import Struct
from typing import Any, BinaryIO, Protocol

from pydantic_core import from_json, to_json
from sqlalchemy import Dialect
from sqlalchemy.orm import Session

from campaigns.audience.contact_rows import ContactRow, Names
from campaigns.audience.files.staged_rows import StagedRows
from campaigns.audience.loading.contact_writer import apart
from campaigns.audience.loading.known_people import Known, look_up
from campaigns.audience.loading.new_rows import ADDRESS, COLUMNS, CONSENT, CONTACT, NewRows, entries_of
from campaigns.audience.loading.table_loading import Row, converted, hashes_present, insert_converted
from campaigns.audience.models import Address, Contact, SuppressedAddress
from campaigns.audience.positions import Placing
from campaigns.core import clock
from campaigns.core.database import highest_id, keep_ids
from campaigns.core.keys.crypto import Vault
from campaigns.core.limited.disk_room import needing_room

#: Ids that others may give to contacts, or to addresses, while rows are made; more: all is done as in any import.
SPARE_IDS = 20_000
#: Before each part of the file without a name stands its length.
_LENGTH = Struct("<I")
_WithIds = type[Contact] | type[Address]
_WITH_IDS: tuple[_WithIds, ...] = (Contact, Address)
#: Places of bytes in the rows of the two tables that have any.
_BYTES_OF_ADDRESS = tuple(COLUMNS[ADDRESS].index(name) for name in ("ciphertext", "lookup", "number"))
_BYTES_OF_CONSENT = (COLUMNS[CONSENT].index("sealed_evidence"),)
#: Gives a session that may read, and holds up nobody.
Reading = Callable[[], AbstractContextManager[Session]]


class Groups(Protocol):
    """Puts people into groups by the names that their rows have of them."""

    def knows(self, names: Names) -> bool:
        """Say whether the groups of these names are there."""

    def put_new(self, named: Collection[tuple[int, str]]) -> None:
        """Put new contacts into them."""


@dataclass(frozen=True, slots=True)
class _Person:
    """Rows of one new person, with values as SQLite takes them."""

    #: Hashes of all handles of the person, also of those that are not taken: as Address has them.
    lookups: list[bytes]
    numbers: list[bytes]
    names: Names
    contact: Row
    addresses: list[Row]
    consents: list[Row]


class MadeBeforehand:
    """The people of one file: rows of those who are new, and the others as the file has them."""

    def __init__(self, file: BinaryIO, organisation_id: int, vault: Vault, wrote: Callable[[int], object]) -> None:
        """Prepare to keep them sealed in `file`; `wrote` hears how many further people were written down."""
        self._file, self._organisation_id, self._vault = file, organisation_id, vault
        self._sealing, self._wrote = StagedRows.new(), wrote
        #: By tables, the first id that these people get, and the next one.
        self._first: dict[_WithIds, int] = {}
        self._ids: dict[_WithIds, count[int]] = {}
        #: Where the places were when rows were made.
        self._placing: Placing | None = None
        #: Contacts that `load` has written.
        self.added = 0

    def make(self, batches: Iterable[Sequence[ContactRow]], placing: Placing, reading: Reading) -> None:
        """Make rows of the people; `placing` knows the batch that was given last. Raises UnavailableError."""
        with reading() as session:
            for mapped in _WITH_IDS:
                self._first[mapped] = highest_id(session, mapped) + SPARE_IDS + 1
                self._ids[mapped] = count(self._first[mapped])
        self._placing = placing
        making = NewRows(self._organisation_id, placing, self._vault, clock.now())
        for batch in batches:
            with reading() as session:
                # What it gives is not to be asked of any more outside: that would begin a transaction that writes.
                known = look_up(session, self._organisation_id, batch, self._vault)
                new = [row for row in apart(batch)[0] if _is_new(row, known)]
                people = to_json(self._made(new, known, making, session.get_bind().dialect))
            lines = {row.line for row in new}
            with needing_room():
                self._keep(self._sealing.sealed_bytes(people))
                self._keep(self._sealing.sealed(new))
                self._keep(self._sealing.sealed([row for row in batch if row.line not in lines]))
        with needing_room():
            self._file.flush()

    def load(self, session: Session, groups: Groups, placing: Placing) -> Iterator[list[ContactRow]]:
        """Write those down who are still new, and give the others, some at a time.

        Also given are those who name a place that is gone by now, or was moved, as `placing` has it, or a group.
        """
        is_free = all(highest_id(session, mapped) < first for mapped, first in self._first.items())
        if is_free:
            for mapped, ids in self._ids.items():
                keep_ids(session, mapped, next(ids))
        self._file.seek(0)
        while length := self._file.read(_LENGTH.size):
            made, new, others = self._part(length), self._part(), self._part()
            people = _opened(self._sealing.opened_bytes(made)) if is_free else []
            taken = self._load(session, people, groups, placing)
            rest = self._sealing.opened(others)
            if not all(taken) or not is_free:
                again = self._sealing.opened(new)
                rest = [row for row, is_taken in zip_longest(again, taken) if not is_taken] + rest
            if rest:
                yield rest
            self._wrote(sum(taken) + len(rest))

    def _made(
        self, new: Sequence[ContactRow], known: Known, making: NewRows, dialect: Dialect
    ) -> Iterable[tuple[object, ...]]:
        """Return what is kept of each new person."""
        people = dict(zip(self._ids[Contact], new, strict=False))
        entries = dict(zip(self._ids[Address], entries_of(people), strict=False))
        made = {
            table: converted(table, COLUMNS[table], rows, dialect)
            for table, rows in (
                (CONTACT, making.contacts(people)),
                (ADDRESS, making.addresses(entries, known.hashes)),
                (CONSENT, making.consents(entries)),
            )
        }
        addresses, consents = iter(made[ADDRESS]), iter(made[CONSENT])
        for row, contact in zip(new, made[CONTACT], strict=True):
            hashes = [known.hashes[handle] for handle in (*row.handles, *row.beside)]
            lookups = [_as_text(each.lookup) for each in hashes]
            numbers = [_as_text(each.number) for each in hashes]
            theirs = len(row.handles)
            yield (
                *(lookups, numbers, row.names, contact),
                [_with(_as_text, each, _BYTES_OF_ADDRESS) for each in islice(addresses, theirs)],
                [_with(_as_text, each, _BYTES_OF_CONSENT) for each in islice(consents, theirs)],
            )

    def _load(self, session: Session, people: Sequence[_Person], groups: Groups, placing: Placing) -> list[bool]:
        """Write people down; return of each whether that was done: not if they are known by now, or said stop."""
        present = _present(session, self._organisation_id, people)
        same = {
            names
            for names in {person.names for person in people}
            if groups.knows(names) and placing.agrees(self._placing, names)
        }
        taken = [
            person.names in same and present.isdisjoint((*person.lookups, *person.numbers)) for person in people
        ]
        going = list(compress(people, taken))
        if going:
            connection = session.connection()
            for table, rows in (
                (CONTACT, [person.contact for person in going]),
                (ADDRESS, [row for person in going for row in person.addresses]),
                (CONSENT, [row for person in going for row in person.consents]),
            ):
                insert_converted(connection, table, COLUMNS[table], rows)
            groups.put_new([(person.contact[0], person.names.groups) for person in going])
        self.added += len(going)
        return taken

    def _keep(self, part: bytes) -> None:
        self._file.write(_LENGTH.pack(len(part)) + part)

    def _part(self, length: bytes = b"") -> bytes:
        return self._file.read(_LENGTH.unpack(length or self._file.read(_LENGTH.size))[0])


def _present(session: Session, organisation_id: int, people: Sequence[_Person]) -> set[bytes]:
    """Return the hashes of whoever is known to the organisation, or said stop to anybody, or may have said it."""
    lookups = {mark for person in people for mark in person.lookups}
    numbers = {mark for person in people for mark in person.numbers}
    return (
        hashes_present(session, Address.lookup, lookups, of=organisation_id)
        | hashes_present(session, Address.number, numbers, of=organisation_id)
        | hashes_present(session, SuppressedAddress.lookup, lookups | numbers)
    )


def _is_new(row: ContactRow, known: Known) -> bool:
    return known.contact_of(row) is None and not known.is_stopped(row)


def _opened(plain: bytes) -> list[_Person]:
    return [
        _Person(
            [_as_bytes(mark) for mark in lookups],
            [_as_bytes(mark) for mark in numbers],
            Names(*names),
            tuple(contact),
            [_with(_as_bytes, row, _BYTES_OF_ADDRESS) for row in addresses],
            [_with(_as_bytes, row, _BYTES_OF_CONSENT) for row in consents],
        )
        for lookups, numbers, names, contact, addresses, consents in from_json(plain)
    ]


def _as_text(value: bytes) -> str:
    """Return bytes as JSON can hold them."""
    return value.decode("latin-1")


def _as_bytes(text: str) -> bytes:
    return text.encode("latin-1")


def _with(change: Callable[[Any], object], row: Row, places: Sequence[int]) -> Row:
    values = list(row)
    for at in places:
        values[at] = change(values[at])
    return tuple(values)
