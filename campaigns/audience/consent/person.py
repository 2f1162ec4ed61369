"""A person has the addresses of one phone on every channel, and those of every contact that has one of them.

In all organisations of the instance. A contact whose SMS and WhatsApp numbers differ joins both, so the addresses
of a person are closed over numbers, what WhatsApp calls their phones beside, and contacts in turn.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.audience.consent.pairs import find_pairs, mark_paired
from campaigns.audience.models import Address, Contact
from campaigns.staff.queries import owned

#: Key of the advisory lock between withdrawals and whoever adds addresses ("stop" in ASCII).
_GATE = 0x73746F70
#: Rounds of looking; each goes over one more contact. Real people need two, a file of nonsense may need any
#: number.
_MOST_ROUNDS = 12

_log = logging.getLogger(__name__)


def lock_person(
    session: Session, numbers: Collection[bytes], lookups: Collection[bytes] = ()
) -> Sequence[Address]:
    """Return all addresses of the people behind keyed hashes, by id, locked until the transaction ends.

    `numbers` are as in Address.number; `lookups`, as in Address.lookup, find rows that have no number yet. Nobody
    adds an address beside this, except an import, which looks again before it ends (`hold_withdrawals`).
    """
    pass_gate(session)
    return lock_addresses(session, find_person(session, numbers, lookups))


def lock_addresses(session: Session, ids: Collection[int]) -> Sequence[Address]:
    """Return addresses, by id, locked until the transaction ends.

    Always in one statement and one order, so that no two transactions that lock people wait for each other.
    """
    if not ids:
        return []
    statement = select(Address).where(Address.id.in_(ids)).order_by(Address.id)
    # Read anew: another stop or start may have been committed while this waited for the lock.
    return session.scalars(statement.with_for_update().execution_options(populate_existing=True)).all()


def try_to_lock(session: Session, contact_id: int) -> Sequence[Address] | None:
    """Lock a contact against whoever writes to it or about it, and return its addresses, locked; None: not now.

    This waits for nobody, so that nobody who has to heed a stop ever waits for it and is waited for.
    """
    held = select(Contact.id).where(Contact.id == contact_id).with_for_update(skip_locked=True)
    if session.scalar(held) is None or not _may_pass_gate_alone(session):
        return None
    theirs = select(Address).where(Address.contact_id == contact_id).order_by(Address.id)
    every = session.scalars(theirs).all()
    locked = session.scalars(theirs.with_for_update(skip_locked=True)).all()
    return locked if len(locked) == len(every) else None


def find_person(session: Session, numbers: Collection[bytes], lookups: Collection[bytes] = ()) -> set[int]:
    """Return the ids of the addresses that hang together with any of these hashes."""
    ids: set[int] = set()
    known_numbers, known_contacts = {*numbers, *find_pairs(session, {*numbers, *lookups})}, set[int]()
    asked: list[tuple[InstrumentedAttribute[Any], Collection[Any]]] = [
        (Address.number, known_numbers.copy()),
        (Address.lookup, lookups),
    ]
    for _ in range(_MOST_ROUNDS):
        found = [row for column, values in asked if values for row in session.execute(_having(column, values))]
        ids |= {row.id for row in found}
        new_numbers = {row.number for row in found if row.number is not None} - known_numbers
        new_numbers |= find_pairs(session, new_numbers) - known_numbers
        new_contacts = {row.contact_id for row in found} - known_contacts
        if not new_numbers and not new_contacts:
            return ids
        known_numbers |= new_numbers
        known_contacts |= new_contacts
        asked = [(Address.number, new_numbers), (Address.contact_id, new_contacts)]
    _log.warning("the addresses of a person lead on and on; the first %s were taken for theirs", len(ids))
    return ids


def pass_gate(session: Session, *, alone: bool = False) -> None:
    """Pass the gate until the transaction ends, with others or alone; SQLite needs none, it has one writer."""
    if session.get_bind().dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        session.execute(select(lock(_GATE)))


def _may_pass_gate_alone(session: Session) -> bool:
    """Pass the gate alone until the transaction ends, unless somebody is in it; say whether it is passed."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(_GATE))))


def mark_shared(session: Session, organisation_id: int, numbers: Collection[bytes] | Select[bytes | None]) -> None:
    """Note which addresses have a number of these that another contact of theirs has, or has the pair of."""
    several = (
        owned(select(Address.number), Address, organisation_id)
        .where(Address.number.in_(numbers))
        .group_by(Address.number)
        .having(func.min(Address.contact_id) != func.max(Address.contact_id))
    )
    found = session.scalars(several).all()
    if found:
        session.execute(
            update(Address)
            .where(Address.organisation_id == organisation_id, Address.number.in_(found))
            .values(is_shared=True)
        )
    mark_paired(session, numbers)


def _having(column: InstrumentedAttribute[Any], values: Collection[Any]) -> Select[int, int, bytes | None]:
    return select(Address.id, Address.contact_id, Address.number).where(column.in_(values))
