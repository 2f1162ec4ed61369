"""With holds.py this writes the consent ledger: each verb appends to it and keeps the state of addresses in line.

A withdrawal counts for the person: for every address of that phone on any channel, and of every contact that has
one of them, in all organisations of the instance (`person.py`). It is lifted only by START, and only on the
channel from which START comes: who reads along on one of somebody's apps need not do so on the other. Where
nothing proves who said START it is the consent of whoever said no stop, and lifts none. Nothing here commits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import PHONE_CHANNELS
from campaigns.audience.consent.pairs import find_pairs
from campaigns.audience.consent.person import find_person, lock_addresses, lock_person, pass_gate
from campaigns.audience.consent.sealed_words import Evidence
from campaigns.audience.models import (
    Address,
    AddressState,
    Channel,
    Consent,
    ConsentKind,
    SuppressedAddress,
)
from campaigns.continuity import journal
from campaigns.core import clock
from campaigns.core.database import insert_or

#: An address that the provider calls dead stays so, whatever a form or file says, until something comes from it.
#: One on hold waits for a member.
_FIXED = (AddressState.HELD, AddressState.OPTED_OUT, AddressState.INVALID)
#: What an organisation reads of what a member of another one decided, and wrote in their own words.
ANOTHER = "another organisation"
#: Columns of SuppressedAddress that name a person: a keyed hash and a channel.
Mark = tuple[bytes, Channel]


def grant(session: Session, address: Address, said: Declaration) -> bool:
    """Record that a person agreed on one address; return False, and record nothing, for one that said stop.

    Only `restore` lifts a withdrawal.
    """
    if address.state == AddressState.OPTED_OUT:
        return False
    session.add(entry_of(address, ConsentKind.GRANTED, said))
    if address.state not in _FIXED:
        address.state = AddressState.ACTIVE
    session.flush()
    return True


def withdraw(session: Session, addresses: Sequence[Address], said: Declaration) -> list[int]:
    """Record the withdrawal of each address; return the ids of all of them.

    Whoever withdrew before may have been answered since, because they wrote again: each stop has its own line.
    """
    for address in addresses:
        session.add(entry_of(address, ConsentKind.WITHDRAWN, said))
        address.state = AddressState.OPTED_OUT
    session.flush()
    return [address.id for address in addresses]


def withdraw_everywhere(session: Session, handle: HashedHandle, said: Declaration) -> list[int]:
    """Record that the person behind a handle said stop; return the ids of all addresses they have on any channel.

    The hashes are remembered apart from the contacts, so that no import brings the person back on any channel.
    """
    addresses = lock_person(session, [handle.phone], [handle.lookup])
    remember(session, addresses, marks_of_person(session, handle))
    return withdraw(session, addresses, said)


def withdraw_reported(
    session: Session, codes: Mapping[int, str], *, dead: Collection[int] = (), at: datetime
) -> list[int]:
    """Record the stops that a provider reports for addresses, with its codes; return the ids of all that withdrew.

    All people are locked at once, and with them the addresses that the provider calls `dead`: see
    `lock_addresses`.
    """
    pass_gate(session)
    told = session.execute(select(Address.number, Address.lookup).where(Address.id.in_(codes))).all()
    theirs = find_person(session, {row.number or row.lookup for row in told}, {row.lookup for row in told})
    addresses = [address for address in lock_addresses(session, theirs | set(dead)) if address.id in theirs]
    remember(session, addresses)
    wording = ", ".join(sorted({code for code in codes.values() if code}))
    return withdraw(session, addresses, Declaration("provider", wording[:200], at))


def hold_withdrawals(session: Session) -> None:
    """Let no withdrawal be written beside this transaction until it ends.

    An import ends with it: what was withdrawn while it wrote is visible then, and what is withdrawn later sees
    its addresses.
    """
    pass_gate(session, alone=True)


def restore(session: Session, handle: HashedHandle, said: Declaration) -> list[int]:
    """Record START from a handle: a stop or hold is lifted there, on no other channel; return the ids now active.

    On WhatsApp that counts for the other handle of the person too, as a stop does. An address that a provider
    called dead is active too: it lives, for START came from it.
    """
    is_paired = handle.channel == Channel.WHATSAPP
    others = find_pairs(session, {handle.phone, handle.lookup}) if is_paired else set[bytes]()
    journal.note(session, journal.Said.START, {(key, handle.channel) for key in {handle.phone, *others}})
    addresses = lock_addresses(session, session.scalars(_on_channel(handle, others)).all())
    keys = {handle.lookup, handle.number, *others, *(address.number for address in addresses)} - {None}
    on_channel = SuppressedAddress.channel == handle.channel
    session.execute(delete(SuppressedAddress).where(SuppressedAddress.lookup.in_(keys), on_channel))
    for address in addresses:
        session.add(entry_of(address, ConsentKind.GRANTED, said))
        address.state = AddressState.ACTIVE
    session.flush()
    return [address.id for address in addresses]


def agree(session: Session, handle: HashedHandle, said: Declaration) -> list[int] | None:
    """Record START from a handle that nothing proves: consent of who never said stop or may have, as a form is.

    Returns the ids of the addresses that agreed; None, with nothing recorded, for who said one of these there.
    """
    pass_gate(session)
    addresses = lock_addresses(session, session.scalars(_on_channel(handle)).all())
    hashes = {handle.lookup, handle.phone, *(address.number or address.lookup for address in addresses)}
    if any(on == handle.channel for _, on in find_suppressed(session, hashes, or_held=True)):
        return None
    if any(address.state in (AddressState.OPTED_OUT, AddressState.HELD) for address in addresses):
        return None
    for address in addresses:
        grant(session, address, said)
    return [address.id for address in addresses]


def revive(session: Session, handle: HashedHandle) -> list[int]:
    """Let addresses that a provider called dead live again, since something came from them; return their ids.

    They are in use again as far as the ledger says that their person agreed, and on hold where the person is.
    """
    dead = _on_channel(handle).where(Address.state == AddressState.INVALID)
    addresses = lock_addresses(session, session.scalars(dead).all())
    if not addresses:
        return []
    granted = select(Consent.address_id).where(Consent.kind == ConsentKind.GRANTED)
    agreed = set(session.scalars(granted.where(Consent.address_id.in_([each.id for each in addresses]))))
    hashes = {handle.lookup, *(address.number or address.lookup for address in addresses)}
    # A stop stays remembered when a member lifts it, a hold does not.
    marks = find_suppressed(session, hashes, or_held=True) - find_suppressed(session, hashes)
    is_held = any(on == handle.channel for _, on in marks)
    revived = [address for address in addresses if address.state == AddressState.INVALID]
    for address in revived:
        # Whoever withdrew is opted out, dead or not.
        state = AddressState.ACTIVE if address.id in agreed else AddressState.PENDING
        address.state = AddressState.HELD if is_held else state
        if is_held:
            remembered = Declaration("keyword", "remembered", clock.now())
            session.add(entry_of(address, ConsentKind.HELD, remembered))
    session.flush()
    return [address.id for address in revived]


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


def marks_of(handle: HashedHandle) -> set[Mark]:
    """Return what is remembered when a handle says stop: its phone on each channel, or the handle alone."""
    if handle.number is None or handle.number == handle.lookup:
        return {(handle.lookup, handle.channel)}
    return {(handle.number, each) for each in PHONE_CHANNELS}


def marks_of_person(session: Session, handle: HashedHandle) -> set[Mark]:
    """Return what is remembered when a handle says stop: also of the other one that its person has."""
    others = find_pairs(session, {handle.phone, handle.lookup})
    channels = PHONE_CHANNELS if handle.phone == handle.lookup else (Channel.WHATSAPP,)
    return marks_of(handle) | {(other, channel) for other in others for channel in channels}


def remember(
    session: Session, addresses: Iterable[Address], marks: Collection[Mark] = (), *, is_hold: bool = False
) -> None:
    """Remember apart from any contact that the people of these addresses, and of `marks`, said stop, or may have.

    A stop outweighs a hold.
    """
    found = set(marks)
    for address in addresses:
        found |= marks_of(HashedHandle.of(address))
    # Two messages of one person may be read at the same instant.
    adding = insert_or(session, SuppressedAddress)
    remembering = (
        adding.on_conflict_do_nothing()
        if is_hold
        else adding.on_conflict_do_update(index_elements=["lookup", "channel"], set_={"is_hold": False})
    )
    facts = {"since": clock.now(), "is_hold": is_hold}
    journal.note(session, journal.Said.HOLD if is_hold else journal.Said.STOP, found)
    rows = [{"lookup": lookup, "channel": channel} | facts for lookup, channel in sorted(found)]
    if rows:
        session.execute(remembering, rows)


def find_suppressed(session: Session, hashes: Collection[bytes], *, or_held: bool = False) -> set[Mark]:
    """Return the channels on which people behind keyed hashes said stop, as contacts or before being any.

    The hashes are those of numbers; those of handles find what an earlier version remembered. `or_held` adds where
    they may have said it.
    """
    columns = (SuppressedAddress.lookup, SuppressedAddress.channel)
    rows = select(*columns).where(SuppressedAddress.lookup.in_(hashes))
    found = session.execute(rows if or_held else rows.where(~SuppressedAddress.is_hold))
    return {(row.lookup, Channel(row.channel)) for row in found}


def _on_channel(handle: HashedHandle, others: Collection[bytes] = ()) -> Select[int]:
    is_theirs = or_(Address.lookup == handle.lookup, Address.number.in_({handle.phone, *others}))
    return select(Address.id).where(is_theirs, Address.channel == handle.channel)


def entry_of(address: Address, kind: ConsentKind, said: Declaration) -> Consent:
    """Return a line of the ledger about an address; what somebody wrote in their own words is sealed in it."""
    wording = said.wording
    free = wording if isinstance(wording, Evidence) else None
    if free is not None and free.organisation_id not in (None, address.organisation_id):
        free, wording = None, ANOTHER
    return Consent(
        contact_id=address.contact_id,
        address_id=address.id,
        channel=address.channel,
        kind=kind,
        method=said.method,
        wording=wording if isinstance(wording, str) else "",
        sealed_evidence=free and free.sealed_for(address.id),
        given_at=said.at,
        recorded_at=clock.now(),
    )
