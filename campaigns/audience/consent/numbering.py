"""Gives addresses of an earlier version their number's hash, and its stops their meaning for the whole phone.

The hash needs the handle, so no migration can do it: `fingerpost setup` does, by batches, each a transaction that
may be the last for now. The worker refuses to start while addresses lack it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, sessionmaker

from campaigns.audience.consent.declaration import Declaration
from campaigns.audience.consent.handles import number_key
from campaigns.audience.consent.ledger import remember, withdraw
from campaigns.audience.consent.person import lock_person, mark_shared, pass_gate
from campaigns.audience.models import Address, AddressState, Channel, Consent, ConsentKind
from campaigns.core.errors import DamagedDataError
from campaigns.core.keys.crypto import Vault

BATCH = 1000


def lacks_numbers(session: Session) -> bool:
    """Say whether an address has no hash of its number yet."""
    return session.scalar(select(Address.id).where(Address.number.is_(None)).limit(1)) is not None


def fill_numbers(sessions: sessionmaker[Session], vault: Vault, *, batch: int = BATCH) -> int:
    """Give every address its number's hash and spread the stops that it makes known; return how many lacked it."""
    filled = 0
    while True:
        with sessions.begin() as session:
            # Nobody may say stop meanwhile: it would not find these by their number, nor this the stop.
            pass_gate(session, alone=True)
            count = _fill(session, vault, batch)
        filled += count
        if count < batch:
            return filled


def _fill(session: Session, vault: Vault, batch: int) -> int:
    lacking = select(Address).where(Address.number.is_(None)).order_by(Address.id).limit(batch)
    addresses = session.scalars(lacking).all()
    by_id = {address.id: _number_of(address, vault) for address in addresses}
    if not by_id:
        return 0
    session.execute(update(Address), [{"id": key, "number": number} for key, number in by_id.items()])
    numbers = set(by_id.values())
    for organisation_id in {address.organisation_id for address in addresses}:
        mark_shared(session, organisation_id, numbers)
    contacts = {address.contact_id for address in addresses}
    for number, lookup in _stopped(session, numbers, contacts):
        _spread(session, lock_person(session, [number or lookup], [lookup]))
    return len(by_id)


def _number_of(address: Address, vault: Vault) -> bytes:
    """Return the hash of an address's number; its own where the handle cannot be deciphered."""
    try:
        text = vault.open(address.ciphertext, table="address", column="ciphertext", row_id=address.id)
    except (DamagedDataError, ValueError):
        return address.lookup
    return number_key(vault, Channel(address.channel), text)


def _stopped(session: Session, numbers: Collection[bytes], contacts: Collection[int]) -> Sequence[Any]:
    """Return the hashes of people who said stop among those whom the numbers or contacts join."""
    joined = or_(Address.number.in_(numbers), Address.contact_id.in_(contacts))
    said = select(Address.number, Address.lookup).where(joined, Address.state == AddressState.OPTED_OUT)
    return session.execute(said.order_by(Address.id)).all()


def _spread(session: Session, addresses: Sequence[Address]) -> None:
    """Withdraw each address of a person who said stop on another, unless they agreed on it after the stop."""
    stops = _last(session, addresses, ConsentKind.WITHDRAWN)
    said = [stops[address.id] for address in addresses if _is_stopped(address) and address.id in stops]
    if not said:
        return
    stop = max(said, key=lambda line: line.given_at)
    agreed = _last(session, addresses, ConsentKind.GRANTED)
    going: list[Address] = []
    for address in addresses:
        line = agreed.get(address.id)
        if _is_stopped(address) or line is None or line.given_at <= stop.given_at:
            going.append(address)
    remember(session, going)
    withdraw(session, going, Declaration(stop.method, stop.wording, stop.given_at))


def _is_stopped(address: Address) -> bool:
    return address.state == AddressState.OPTED_OUT


def _last(session: Session, addresses: Sequence[Address], kind: ConsentKind) -> dict[int, Consent]:
    """Return the last line of this kind of each address."""
    ids = [address.id for address in addresses]
    last = select(func.max(Consent.id)).where(Consent.address_id.in_(ids), Consent.kind == kind)
    lines = session.scalars(select(Consent).where(Consent.id.in_(last.group_by(Consent.address_id))))
    return {line.address_id: line for line in lines}
