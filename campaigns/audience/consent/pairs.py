"""What a person says by one of their two handles on WhatsApp counts for the other too, though only one is told.

The provider's list tells one of them, and so does a person who hides their number from some day on.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, union_all, update
from sqlalchemy.orm import Session, aliased

from campaigns.audience.consent.declaration import HashedHandle
from campaigns.audience.consent.models import PairedHandle
from campaigns.audience.models import Address
from campaigns.core import clock
from campaigns.core.database import insert_or


def note_pair(session: Session, one: HashedHandle, other: HashedHandle) -> None:
    """Note that two handles are of one person, if one of them is a phone and the other none."""
    if not is_news(session, one, other):
        return
    known_as, phone = sorted((one, other), key=_is_phone)
    pair = {"lookup": known_as.lookup, "number": phone.phone}
    # A number that is somebody else's by now has another id, and an id keeps its person when their number changes.
    session.execute(delete(PairedHandle).where(or_(*(getattr(PairedHandle, key) == pair[key] for key in pair))))
    session.execute(insert_or(session, PairedHandle).values(**pair, shown_at=clock.now()).on_conflict_do_nothing())
    mark_paired(session, list(pair.values()))


def is_news(session: Session, one: HashedHandle, other: HashedHandle) -> bool:
    """Say whether two handles may be noted as those of one person, and are not yet."""
    known_as, phone = sorted((one, other), key=_is_phone)
    is_pair = _is_phone(phone) and not _is_phone(known_as)
    return is_pair and find_pairs(session, [known_as.lookup]) != {phone.phone}


def find_pairs(session: Session, keys: Collection[bytes]) -> set[bytes]:
    """Return the other keyed hashes, as in Address.number, of the people who have one of these."""
    if not keys:
        return set()
    pairs = select(PairedHandle.lookup, PairedHandle.number)
    rows = session.execute(pairs.where(or_(PairedHandle.lookup.in_(keys), PairedHandle.number.in_(keys))))
    return {key for row in rows for key in row} - set(keys)


def mark_paired(session: Session, keys: Collection[bytes] | Select[bytes | None]) -> None:
    """Note that addresses are shared whose pair of handles, with one of these, is of two contacts of one owner."""
    one, other = aliased(Address), aliased(Address)
    # + 0, so that SQLite, which keeps no statistics, looks for the handle and not among all of the organisation.
    are_ours = one.organisation_id + 0 == other.organisation_id + 0
    found = (
        select(one.id, other.id)
        .join_from(PairedHandle, one, one.number == PairedHandle.lookup)
        .join(other, and_(other.number == PairedHandle.number, are_ours, one.contact_id != other.contact_id))
    )
    # One select for each handle: PostgreSQL would compare each pair with all that a file brought in, one by one.
    pairs = union_all(*(found.where(own.in_(keys)) for own in (PairedHandle.lookup, PairedHandle.number)))
    ids = {each for row in session.execute(pairs) for each in row}
    if ids:
        # In the order in which everybody locks them.
        session.execute(select(Address.id).where(Address.id.in_(ids)).order_by(Address.id).with_for_update())
        session.execute(update(Address).where(Address.id.in_(ids)).values(is_shared=True))


def phone_of(number: Any) -> ColumnElement[bytes]:
    """Return whose phone an address with a number, as in Address.number, comes to, as far as that was shown."""
    pair = aliased(PairedHandle)
    shown = select(pair.number).where(pair.lookup == number).correlate_except(pair).scalar_subquery()
    return func.coalesce(shown, number)


def join_phone(
    found: Select[*tuple[Any, ...]], mine: Any, same: Any, are_meant: ColumnElement[bool]
) -> list[Select[*tuple[Any, ...]]]:
    """Join what is selected of addresses, `mine`, with all that come to the same phone, `same`, in three selects.

    The first finds them by the number that both have, the others by the two handles of a pair; each is looked up.
    """
    pair = aliased(PairedHandle)
    by_id, by_phone = found.join(pair, pair.lookup == mine.number), found.join(pair, pair.number == mine.number)
    return [
        found.join(same, and_(same.number == mine.number, are_meant)),
        by_id.join(same, and_(same.number == pair.number, are_meant)),
        by_phone.join(same, and_(same.number == pair.lookup, are_meant)),
    ]


def forget_unused(session: Session, keys: Collection[bytes]) -> None:
    """Forget which handles are of one person who has one of these keyed hashes, once nobody here has either."""
    named = or_(PairedHandle.lookup.in_(keys), PairedHandle.number.in_(keys))
    is_used = exists().where(Address.number.in_((PairedHandle.lookup, PairedHandle.number)))
    session.execute(delete(PairedHandle).where(named, ~is_used))


def _is_phone(handle: HashedHandle) -> bool:
    return handle.phone != handle.lookup
