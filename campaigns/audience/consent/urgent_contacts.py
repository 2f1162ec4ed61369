"""Whoever may be in danger and speaks with the team gets nothing from campaigns meanwhile, but for corrections.

Nor does anybody of the organisation who shares a number with them: it comes to the same phone.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, and_, delete, select, union_all
from sqlalchemy.orm import Session, aliased

from campaigns.audience.consent.pairs import join_phone
from campaigns.audience.models import Address, UrgentContact
from campaigns.core.database import insert_or

#: A conversation in which nobody wrote for so long holds nothing back any more, closed or not.
URGENT_FOR = timedelta(days=3)


def note_urgent(session: Session, contact_id: int, *, at: datetime) -> None:
    """Hold campaigns back from somebody, from a moment (UTC) on."""
    noting = insert_or(session, UrgentContact).values(contact_id=contact_id, since=at)
    session.execute(noting.on_conflict_do_update(index_elements=["contact_id"], set_={"since": at}))


def forget_urgent(session: Session, contact_id: int) -> None:
    """Let campaigns write to somebody again."""
    session.execute(delete(UrgentContact).where(UrgentContact.contact_id == contact_id))


def find_on_phone(session: Session, contact_id: int) -> set[int]:
    """Return the ids of a contact and of all others of its organisation who share a number with it."""
    theirs, same = aliased(Address), aliased(Address)
    others = _sharing(select(same.contact_id).select_from(theirs), theirs, same)
    found = union_all(*(each.where(theirs.contact_id == contact_id) for each in others))
    return {contact_id, *session.scalars(found)}


def select_urgent_since(since: datetime | ColumnElement[datetime]) -> CompoundSelect[int]:
    """Select the ids of contacts to whom no campaign writes; `since` is URGENT_FOR before the moment (UTC)."""
    return _select_urgent(since, None, None)


def select_urgent(*, now: datetime, after: int, through: int) -> CompoundSelect[int]:
    """Select the ids, in (after, through], of contacts to whom no campaign writes at a moment (UTC)."""
    return _select_urgent(now - URGENT_FOR, after, through)


def _select_urgent(
    since: datetime | ColumnElement[datetime], after: int | None, through: int | None
) -> CompoundSelect[int]:
    theirs, same = aliased(Address), aliased(Address)
    own = select(UrgentContact.contact_id).where(*_within(UrgentContact.contact_id, after, through))
    # + 0, so that the few in danger are looked for, and neither all who share a number nor all in the range.
    are_theirs = theirs.contact_id == UrgentContact.contact_id + 0
    found = select(same.contact_id).join_from(UrgentContact, theirs, are_theirs)
    others = (each.where(*_within(same.contact_id + 0, after, through)) for each in _sharing(found, theirs, same))
    return union_all(*(each.where(UrgentContact.since > since) for each in (own, *others)))


def _within(contact_id: Any, after: int | None, through: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if after is None else (contact_id > after, contact_id <= through)


def _sharing(found: Select[int], theirs: Any, same: Any) -> list[Select[*tuple[Any, ...]]]:
    """Add the addresses of the organisation that come to the phone of one of theirs; few do (`is_shared`)."""
    # + 0, so that SQLite, which keeps no statistics, looks for the phone and not among all of the organisation.
    are_two = and_(same.organisation_id + 0 == theirs.organisation_id, same.contact_id != theirs.contact_id)
    return [each.where(theirs.is_shared) for each in join_phone(found, theirs, same, are_two)]
