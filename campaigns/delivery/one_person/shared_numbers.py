"""A phone may stand in several contacts of an organisation: one run writes to one phone once.

Few do (`Address.is_shared`): a file or a code gives a known number to the contact that has it. So everybody else
costs nothing here. A phone is its number, or what WhatsApp calls it, as far as somebody was shown with both.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, exists, func, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from campaigns.audience.consent.models import PairedHandle
from campaigns.audience.consent.pairs import find_pairs, join_phone, phone_of
from campaigns.audience.consent.person import lock_addresses
from campaigns.audience.models import Address
from campaigns.audience.walk import between
from campaigns.delivery.models import Delivery
from campaigns.delivery.states import SendState

#: States of a message that did not reach its number and will not.
_MISSED = (SendState.FAILED, SendState.EXPIRED)


def has_shared(session: Session, *, after: int | None, through: int | None) -> bool:
    """Say whether a contact with an id in (after, through] shares a phone with another."""
    return session.scalar(_shared(after, through).limit(1)) is not None


def select_doubled(people: Any, run_id: int, *, after: int, through: int) -> Select[int]:
    """Select the contacts of a chunk whose phone the run writes to already, for a contact that comes before.

    `people` has contact_id, address_id and reason; the range is that of their contact ids.
    """
    written = _written(people, after, through)
    return select(written.c.contact_id).where(or_(written.c.turn > 1, _is_planned(run_id, written)))


def find_taken(session: Session, run_ids: Collection[int], address_ids: Collection[int]) -> set[tuple[int, int]]:
    """Return each run with those of the addresses whose phone it has written to, or will, for another contact.

    The addresses must be shared ones. They are locked with all of their phones, so that of two contacts that come
    to one phone at the same moment the second sees the first.
    """
    numbers = {*session.scalars(select(Address.number).where(Address.id.in_(address_ids)))} - {None}
    numbers |= find_pairs(session, numbers)
    lock_addresses(session, session.scalars(select(Address.id).where(Address.number.in_(numbers))).all())
    mine, is_theirs = (
        aliased(Address),
        and_(Delivery.contact_id == Address.contact_id, Delivery.address_id == Address.id),
    )
    found = select(Delivery.run_id, mine.id).select_from(mine).where(mine.id.in_(address_ids))
    is_written = and_(Delivery.run_id.in_(run_ids), Delivery.send_state.not_in(_MISSED))
    twins = join_phone(found, mine, Address, Address.contact_id != mine.contact_id)
    taken = union_all(*(each.join(Delivery, is_theirs).where(is_written) for each in twins))
    return {(run_id, address_id) for run_id, address_id in session.execute(taken)}


def _shared(after: int | None, through: int | None) -> Select[int]:
    return select(Address.id).where(Address.is_shared, *between(Address.contact_id, after, through))


def _written(people: Any, after: int, through: int) -> Subquery:
    """Select the shared addresses that are to be written to, each with its place among those of its phone."""
    phone = phone_of(Address.number)
    turn = func.row_number().over(partition_by=phone, order_by=people.c.contact_id)
    return (
        select(people.c.contact_id, phone.label("phone"), turn.label("turn"))
        .join_from(Address, people, people.c.address_id == Address.id)
        .where(Address.is_shared, *between(Address.contact_id, after, through), people.c.reason.is_(None))
        .subquery("written")
    )


def _is_planned(run_id: int, written: Subquery) -> ColumnElement[bool]:
    """Match those to whose phone a message of the run goes in another contact.

    Each select says what it takes from without, because one that stands two levels deep takes nothing unsaid.
    """
    phone, twin, known, own = written.c.phone, aliased(Address), aliased(Address), aliased(Address)
    known_as = select(PairedHandle.lookup).where(PairedHandle.number == phone).correlate(written).scalar_subquery()
    theirs = union_all(
        *(
            select(each.contact_id)
            .where(each.number == number, each.contact_id != written.c.contact_id)
            .correlate(written)
            for each, number in ((twin, phone), (known, known_as))
        )
    )
    is_to_it = exists().where(own.id == Delivery.address_id, phone_of(own.number) == phone)
    return (
        exists()
        .where(Delivery.run_id == run_id, Delivery.contact_id.in_(theirs))
        .where(is_to_it.correlate(Delivery, written))
        .correlate(written)
    )
