"""Writes the people of a checked file in batches: new contacts, newer positions, and nobody who said stop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, select, text, union_all, update
from sqlalchemy.orm import Session, aliased

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.handles import number_of
from campaigns.audience.consent.holds import hold
from campaigns.audience.consent.ledger import grant, hold_withdrawals, remember, withdraw
from campaigns.audience.consent.person import lock_addresses, mark_shared
from campaigns.audience.consent.sealed_words import Evidence
from campaigns.audience.contact_rows import ContactRow
from campaigns.audience.files.contact_reader import BATCH
from campaigns.audience.loading.known_people import Known, look_up
from campaigns.audience.loading.new_rows import (
    ADDRESS,
    COLUMNS,
    CONSENT,
    CONTACT,
    METHOD,
    Entry,
    NewRows,
    entries_of,
    placed_at,
)
from campaigns.audience.loading.people_beside import PeopleBeside
from campaigns.audience.loading.table_loading import RowLoading
from campaigns.audience.models import Address, AddressState, Channel, Consent, Contact, SuppressedAddress
from campaigns.audience.positions import Placing, move_contacts
from campaigns.core import clock
from campaigns.core.database import reserve_ids
from campaigns.core.keys.crypto import Vault
from campaigns.staff.queries import owned


@dataclass
class Counts:
    """What became (or would become) of a file's people."""

    added: int = 0
    updated: int = 0
    #: Nothing is written of them; and those of them who are contacts of ours already.
    said_stop: int = 0
    known_stopped: int = 0
    #: Different numbers of the rows, where they are only counted.
    numbers: int = 0


@dataclass(frozen=True, slots=True)
class _Agreed:
    """A consent that a row tells of for an address that has none."""

    address_id: int
    how: str
    at: datetime


@dataclass
class _Written:
    """What an import has to come back to at its end."""

    #: Lowest ids that it gave; what is new has one of these or a higher one.
    contact_id: int | None = None
    address_id: int | None = None
    #: Consents of known addresses that had none, of which there are few; the first word of a file counts.
    agreed: dict[int, _Agreed] = field(default_factory=dict)
    #: People by hashes of their handles that were not taken.
    beside: PeopleBeside = field(default_factory=PeopleBeside)

    def note(self, added: _Added, known: Known) -> None:
        """Note what a batch added."""
        self.contact_id = self.contact_id or min(added.people, default=None)
        self.address_id = self.address_id or min(added.addresses, default=None)
        self.beside.add((entry.contact_id, known.numbers_beside(entry.row)) for entry in added.addresses.values())

    def note_agreed(self, rows: Iterable[ContactRow], known: Known) -> None:
        """Note the consents that rows tell of for known addresses without one, and what could stand against it."""
        for row in rows:
            for address in known.of(row):
                if address.state == AddressState.PENDING:
                    self.agreed.setdefault(address.id, _Agreed(address.id, row.consent_how, row.consent_at))
                    self.beside.add([(address.contact_id, known.numbers_beside(row))])


@dataclass(frozen=True, slots=True)
class _Added:
    """What a batch adds, by the ids that it gets."""

    people: dict[int, ContactRow]
    addresses: dict[int, Entry]

    @classmethod
    def of(cls, session: Session, new: Sequence[ContactRow], further: Iterable[Entry]) -> _Added:
        """Give ids to the people of rows, to all of their addresses, and to further ones of known people."""
        people = dict(zip(reserve_ids(session, Contact, len(new)), new, strict=True))
        entries = [*entries_of(people), *further]
        return cls(people, dict(zip(reserve_ids(session, Address, len(entries)), entries, strict=True)))

    def load(self, loading: RowLoading, rows: NewRows, known: Known) -> None:
        """Write the people down, and all addresses with the consent that their rows tell of."""
        if self.people:
            loading.load(CONTACT, COLUMNS[CONTACT], rows.contacts(self.people))
        if self.addresses:
            loading.load(ADDRESS, COLUMNS[ADDRESS], rows.addresses(self.addresses, known.hashes))
            loading.load(CONSENT, COLUMNS[CONSENT], rows.consents(self.addresses))


def count_people(
    session: Session, organisation_id: int, batches: Iterable[Sequence[ContactRow]], *, vault: Vault
) -> Counts:
    """Count what `take_in` would do with these rows, and change nothing."""
    counts = Counts()
    for batch in batches:
        known = look_up(session, organisation_id, batch, vault)
        counts.numbers += known.count_numbers()
        for number, part in enumerate(apart(batch)):
            going = [row for row in part if not known.is_stopped(row)]
            # A number of an earlier part is a contact's by then.
            present = sum(number > 0 or known.contact_of(row) is not None for row in going)
            _note_stopped(counts, part, known, is_later=number > 0)
            counts.updated += present
            counts.added += len(going) - present
    return counts


def _note_stopped(counts: Counts, part: Sequence[ContactRow], known: Known, *, is_later: bool) -> None:
    """Count those of a part who said stop; `is_later`: their numbers stood in an earlier part of the batch."""
    stopped = [row for row in part if known.is_stopped(row)]
    counts.said_stop += len(stopped)
    counts.known_stopped += sum(is_later or known.contact_of(row) is not None for row in stopped)


def take_in(
    session: Session,
    organisation_id: int,
    batches: Iterable[Sequence[ContactRow]],
    *,
    placing: Placing,
    vault: Vault,
) -> Counts:
    """Add the people of these rows and bring known ones up to date; people who said stop are only counted.

    No batch holds more than BATCH rows, nor a handle twice; `placing` knows the one that was given last. Consent
    of known people is written down when they had none; it never lifts a withdrawal, not even one that arrives
    while the file is being written.
    """
    counts = Counts()
    written = _Written()
    parts = ((place, part) for rows in batches for place, part in enumerate(apart(rows)))
    with RowLoading(session) as loading:
        for number, (place, batch) in enumerate(parts):
            if number == 1:
                _tell_planner(session)
            known = look_up(session, organisation_id, batch, vault)
            new, old = _told_apart(batch, known)
            entries = _refresh(session, old, known=known, placing=placing)
            written.note_agreed(old, known)
            added = _Added.of(session, new, entries)
            added.load(loading, NewRows(organisation_id, placing, vault, clock.now()), known)
            written.note(added, known)
            counts.added += len(new)
            counts.updated += len(old)
            _note_stopped(counts, batch, known, is_later=place > 0)
    # The gate comes before any address that others may hold: their stop waits within it for the address.
    hold_withdrawals(session)
    _grant(session, written, vault=vault)
    stopped = _heed_late_stops(session, organisation_id, written)
    counts.added -= stopped
    counts.said_stop += stopped
    return counts


def _told_apart(batch: Sequence[ContactRow], known: Known) -> tuple[list[ContactRow], list[ContactRow]]:
    """Return the rows of people whom we do not know, and of those whom we do, without whoever said stop."""
    new: list[ContactRow] = []
    old: list[ContactRow] = []
    for row in batch:
        if not known.is_stopped(row):
            (new if known.contact_of(row) is None else old).append(row)
    return new, old


def apart(batch: Sequence[ContactRow]) -> list[list[ContactRow]]:
    """Part a batch, so that no number comes twice in one part: on two channels it may stand in rows of its own."""
    parts: list[list[ContactRow]] = []
    next_part: dict[str, int] = {}
    for row in batch:
        numbers = {number_of(handle.text) or f"{handle.channel} {handle.text}" for handle in row.handles}
        part = max(next_part.get(number, 0) for number in numbers)
        next_part |= dict.fromkeys(numbers, part + 1)
        if part == len(parts):
            parts.append([])
        parts[part].append(row)
    return parts


def _tell_planner(session: Session) -> None:
    """Let PostgreSQL know that its tables are not empty any more.

    It checks foreign keys by plans that it made for the first row: in an empty table, by reading all of it for
    each later row, which makes a first import of 100,000 people take minutes.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("ANALYZE contact, address"))


def _grant(session: Session, written: _Written, *, vault: Vault) -> None:
    """Write consents down for those who still have none.

    Who said stop meanwhile is left alone, as is who said it, or may have, by a number that the file does not take.
    """
    agreed = list(written.agreed.values())
    refused = set(written.beside.find(session)) if agreed else set()
    for start in range(0, len(agreed), BATCH):
        told = {each.address_id: each for each in agreed[start : start + BATCH]}
        for address in lock_addresses(session, told):
            if address.state == AddressState.PENDING and address.contact_id not in refused:
                one = told[address.id]
                grant(session, address, Declaration(METHOD, Evidence(one.how, vault), one.at))


def _heed_late_stops(session: Session, organisation_id: int, first: _Written) -> int:
    """Withdraw new addresses whose person said stop since they were looked up; return how many are new people.

    Those whose person may have said it, now or before the import, are put on hold.
    """
    if first.address_id is None:
        return 0
    new = owned(select(Address.number).where(Address.id >= first.address_id), Address, organisation_id)
    mark_shared(session, organisation_id, new)
    found = _late(session, organisation_id, first, AddressState.OPTED_OUT)
    remember(session, found)
    withdraw(session, found, Declaration(METHOD, "said stop while the file was imported", clock.now()))
    held = _late(session, organisation_id, first, AddressState.HELD)
    hold(session, held, Declaration(METHOD, "on hold when the file was imported", clock.now()))
    people = {address.contact_id for address in found}
    return sum(first.contact_id is not None and contact_id >= first.contact_id for contact_id in people)


def _late(session: Session, organisation_id: int, first: _Written, state: AddressState) -> list[Address]:
    """Return new addresses that ought to be in `state`: of themselves, or by another handle of their person."""
    first_id = first.address_id or 0
    found = {address.id: address for address in session.scalars(_select_late(organisation_id, first_id, state))}
    beside = first.beside.find(session, is_hold=state is AddressState.HELD)
    people = sorted({address.contact_id for address in found.values()}.union(beside))
    for start in range(0, len(people), BATCH):
        theirs = _select_new(organisation_id, first_id, state)
        theirs = theirs.where(Address.contact_id.in_(people[start : start + BATCH]))
        found |= {address.id: address for address in session.scalars(theirs)}
    return [found[address_id] for address_id in _brought(session, sorted(found))]


def _brought(session: Session, ids: Sequence[int]) -> list[int]:
    """Return those of new addresses that came by a file: who joined meanwhile by another way has said so."""
    brought = set[int]()
    for start in range(0, len(ids), BATCH):
        lines = select(Consent.address_id).where(Consent.address_id.in_(ids[start : start + BATCH]))
        brought.update(session.scalars(lines.where(Consent.method == METHOD)))
    return [address_id for address_id in ids if address_id in brought]


def _select_new(organisation_id: int, first_id: int, state: AddressState) -> Select[Address]:
    """Select new addresses that are neither in `state` nor opted out."""
    new = select(Address).where(Address.id >= first_id, Address.state.not_in((AddressState.OPTED_OUT, state)))
    return owned(new, Address, organisation_id)


def _select_late(organisation_id: int, first_id: int, state: AddressState) -> Select[Address]:
    """Select new addresses that ought to be in `state`, as what is remembered and the contact's others say.

    Each cause is looked for from the few that it is about: quicker tenfold on PostgreSQL than from each address.
    """
    new = _select_new(organisation_id, first_id, state).with_only_columns(Address.id)
    is_of_it = and_(
        SuppressedAddress.channel == Address.channel,
        SuppressedAddress.is_hold == (state is AddressState.HELD),
    )
    sibling = aliased(Address)
    has_said = and_(sibling.contact_id == Address.contact_id, sibling.state == state)
    found = union_all(
        new.join(SuppressedAddress, and_(SuppressedAddress.lookup == Address.number, is_of_it)),
        new.join(SuppressedAddress, and_(SuppressedAddress.lookup == Address.lookup, is_of_it)),
        new.join(sibling, has_said),
    )
    return select(Address).where(Address.id.in_(found))


def _refresh(session: Session, rows: Sequence[ContactRow], *, known: Known, placing: Placing) -> list[Entry]:
    """Write known people's languages, and positions newer than theirs, all rows with two statements.

    Return the addresses that they are to have beside the known ones: one on each channel where they have none.
    """
    spoken: list[dict[str, Any]] = []
    moved: list[tuple[int, dict[str, Any]]] = []
    entries: list[Entry] = []
    for row in rows:
        contact_id = known.contact_of(row)
        if contact_id is None:
            continue
        spoken.append({"id": contact_id, "language": row.language, "other_language": row.other_language})
        if row.position_at is not None:
            moved.append((contact_id, placed_at(row, placing)))
        entries += [Entry(contact_id, row, handle) for handle in row.handles if known.address_of(handle) is None]
    if spoken:
        session.execute(update(Contact), spoken)
    move_contacts(session, moved)
    return _free(session, entries)


def _free(session: Session, entries: Sequence[Entry]) -> list[Entry]:
    """Return those whose contact has no address on the channel yet, the first of several."""
    if not entries:
        return []
    contact_ids = [entry.contact_id for entry in entries]
    rows = session.execute(select(Address.contact_id, Address.channel).where(Address.contact_id.in_(contact_ids)))
    taken = {(contact_id, Channel(channel)) for contact_id, channel in rows}
    free: dict[tuple[int, Channel], Entry] = {}
    for entry in entries:
        place = (entry.contact_id, entry.handle.channel)
        if place not in taken:
            free.setdefault(place, entry)
    return list(free.values())
