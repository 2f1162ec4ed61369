"""What a person says by one of their two handles on WhatsApp counts for the other too, though only one is told.

The provider's list tells one of them, and so does a person who hides their number from some day on.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

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


def forget_unused(session: Session, keys: Collection[bytes]) -> None:
    """Forget which handles are of one person who has one of these keyed hashes, once nobody here has either."""
    named = or_(PairedHandle.lookup.in_(keys), PairedHandle.number.in_(keys))
    is_used = exists().where(Address.number.in_((PairedHandle.lookup, PairedHandle.number)))
    session.execute(delete(PairedHandle).where(named, ~is_used))


def _is_phone(handle: HashedHandle) -> bool:
    return handle.phone != handle.lookup
