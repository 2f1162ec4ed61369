"""Joining: a person who starts a bot or sends a code becomes a contact, with consent and perhaps a position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.consent.declaration import Declaration, HashedHandle
from campaigns.audience.consent.handles import Handle, number_key
from campaigns.audience.consent.ledger import find_suppressed, grant, hold_withdrawals, restore
from campaigns.audience.consent.person import lock_addresses, mark_shared
from campaigns.audience.models import Address, AddressState, Channel, Contact, EntryPoint, PositionSource
from campaigns.audience.positions import move_contacts, position_of, stand_in
from campaigns.core.keys.crypto import Vault
from campaigns.core.languages import UNKNOWN_LANGUAGE, all_languages
from campaigns.places.models import Place
from campaigns.staff.queries import owned

#: Version of the words beside a link or code, by which a person knows what they agree to.
WORDING = "join 1"
#: Ways to join, as the ledger names them. Whoever presses Start or sends a code asks for messages by that, so both
#: lift what the person said before.
START, KEYWORD = "telegram_start", "keyword"


@dataclass(frozen=True, slots=True)
class Joining:
    """One person who wants to join one organisation."""

    organisation_id: int
    handle: Handle
    #: START or KEYWORD.
    method: str
    at: datetime
    entry_point: EntryPoint | None = None
    #: Language of their app (BCP 47), '' when it does not say.
    language: str = ""
    #: Whether the provider proves who asks: else a stop, or what may have been one, stays.
    may_lift: bool = True


def join(session: Session, joining: Joining, *, vault: Vault) -> Address | None:
    """Let a person join and return their address; who said stop, or may have, is written to again.

    Returns None, with nothing written, for these where nothing proves that it is they who ask. A known contact
    keeps its language; consent is written down anew and a position brought up to date. Who is known by the same
    number on another channel stays one contact.
    """
    # No stop may be written beside this: it would not see the new address, nor this the stop.
    hold_withdrawals(session)
    handle = joining.handle
    lookup = vault.lookup_hash(handle.channel, handle.text)
    number = number_key(vault, handle.channel, handle.text)
    said = Declaration(joining.method, _wording(joining), joining.at)
    known = find_known(session, joining.organisation_id, lookup=lookup, number=number)
    address = next((each for each in known if each.channel == handle.channel), None)
    stopped = address is not None and address.state in (AddressState.OPTED_OUT, AddressState.HELD)
    if stopped or _is_suppressed(session, handle.channel, lookup, number):
        if not joining.may_lift:
            return None
        restore(session, HashedHandle(lookup, handle.channel, number), said)
    if address is None:
        contact_id = find_without(session, handle.channel, known) or add_contact(
            session, joining.organisation_id, language=_language_of(joining), at=joining.at
        )
        address = add_address(session, contact_id, joining.organisation_id, handle, vault=vault, at=joining.at)
    if not stopped:
        grant(session, address, said)
    _place(session, joining, address.contact_id)
    return address


def find_known(session: Session, organisation_id: int, *, lookup: bytes, number: bytes) -> Sequence[Address]:
    """Return the organisation's addresses of a number on all channels, locked; the oldest come first."""
    same = or_(Address.number == number, Address.lookup == lookup)
    ids = session.scalars(owned(select(Address.id).where(same), Address, organisation_id)).all()
    return lock_addresses(session, ids)


def _is_suppressed(session: Session, channel: Channel, lookup: bytes, number: bytes) -> bool:
    marks = find_suppressed(session, {lookup, number}, or_held=True)
    return not marks.isdisjoint({(lookup, channel), (number, channel)})


def find_without(session: Session, channel: Channel, known: Sequence[Address]) -> int | None:
    """Return the first of these addresses' contacts that has nothing on the channel, or None."""
    ids = [address.contact_id for address in known]
    taken = select(Address.contact_id).where(Address.contact_id.in_(ids), Address.channel == channel)
    return min(set(ids) - set(session.scalars(taken)), default=None)


def add_contact(session: Session, organisation_id: int, *, language: str, at: datetime) -> int:
    """Add a contact without an address and return its id."""
    contact = Contact(organisation_id=organisation_id, language=language, created_at=at)
    session.add(contact)
    session.flush()
    return contact.id


def add_address(
    session: Session, contact_id: int, organisation_id: int, handle: Handle, *, vault: Vault, at: datetime
) -> Address:
    """Add an address, to which nobody agreed yet, behind those that a contact has."""
    others = select(func.count()).select_from(Address).where(Address.contact_id == contact_id)
    number = number_key(vault, handle.channel, handle.text)
    address = Address(
        organisation_id=organisation_id,
        contact_id=contact_id,
        rank=session.scalar(others) or 0,
        channel=handle.channel,
        ciphertext=b"",
        lookup=vault.lookup_hash(handle.channel, handle.text),
        number=number,
        country=handle.country,
        created_at=at,
    )
    session.add(address)
    session.flush()
    address.ciphertext = vault.seal(handle.text, table="address", column="ciphertext", row_id=address.id)
    mark_shared(session, organisation_id, [number])
    return address


def _language_of(joining: Joining) -> str:
    if joining.entry_point is not None and joining.entry_point.language:
        return joining.entry_point.language
    said = joining.language.casefold().replace("_", "-")
    known = (code for code in (said, said.partition("-")[0]) if code in all_languages())
    return next(known, UNKNOWN_LANGUAGE)


def _place(session: Session, joining: Joining, contact_id: int) -> None:
    entry_point = joining.entry_point
    place = session.get(Place, entry_point.place_id) if entry_point and entry_point.place_id else None
    if place is not None:
        position = position_of(stand_in(session, place), source=PositionSource.ENTRY_POINT, said_at=joining.at)
        move_contacts(session, [(contact_id, position)])


def _wording(joining: Joining) -> str:
    """Name what the person was shown."""
    return f"entry point {joining.entry_point.code}, {WORDING}" if joining.entry_point else f"start, {WORDING}"
