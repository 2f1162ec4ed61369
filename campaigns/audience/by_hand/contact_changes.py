"""A data manager writes down what a contact said: what they read, and where they are; nothing commits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.grouping import set_groups
from campaigns.audience.models import Contact, PositionSource
from campaigns.audience.positions import position_of, stand_in
from campaigns.core import clock
from campaigns.core.errors import InputError, TransitionError
from campaigns.core.languages import all_languages
from campaigns.core.wallclock import wall_of
from campaigns.core.words import N_
from campaigns.places.models import Place
from campaigns.staff import audit
from campaigns.staff.models import Organisation


@dataclass(frozen=True, slots=True)
class Told:
    """What a contact told of themselves."""

    language: str
    other_language: str | None
    #: Where they are, and on which day they were there; None: they said nothing new.
    place: Place | None = None
    seen_on: date | None = None
    #: Ids of the groups that they are in; None: nothing is said of them.
    group_ids: tuple[int, ...] | None = None


def change_contact(session: Session, contact: Contact, told: Told, *, by: int) -> list[str]:
    """Write down what a contact told, and return the names of what is new.

    Raises InputError for a language that nobody knows, or a place without a day, or with one that is yet to come
    or before what is known; TransitionError when nothing is left of them.
    """
    session.scalars(_held(contact)).one()
    if contact.erased_at is not None:
        raise TransitionError(N_("Their data is erased already, or is about to be."))
    new: dict[str, Any] = {"language": told.language, "other_language": told.other_language}
    if not {*filter(None, new.values())} <= set(all_languages()):
        raise InputError(N_("Choose languages of the list."))
    if told.place is not None:
        new |= _position(session, contact, told.place, told.seen_on)
    changed = sorted(name for name, value in new.items() if getattr(contact, name) != value)
    for name in changed:
        setattr(contact, name, new[name])
    session.flush()
    what: list[str] = [name for name in ("language", "other_language") if name in changed]
    what += ["place"] if told.place is not None else []
    if told.group_ids is not None and set_groups(session, contact, told.group_ids):
        what.append("groups")
    audit.record(
        session,
        "contact.change",
        subject=contact,
        organisation_id=contact.organisation_id,
        member_id=by,
        what=what,
    )
    return what


def today_of(session: Session, organisation_id: int) -> date:
    """Return which day it is where an organisation works: in Kyiv it begins some hours before that of UTC."""
    return wall_of(clock.now(), session.get_one(Organisation, organisation_id).time_zone).date()


def moment_of(seen_on: date | None, *, today: date) -> datetime:
    """Return since when a place counts that somebody was at on a day: its beginning, or now if it is `today`.

    Raises InputError without a day, or with one that is yet to come.
    """
    if seen_on is None or seen_on > today:
        raise InputError(N_("Say on which day they were at the place; it cannot be in the future."))
    return clock.now() if seen_on == today else datetime.combine(seen_on, time(0), UTC)


def _position(session: Session, contact: Contact, place: Place, seen_on: date | None) -> dict[str, Any]:
    said_at = moment_of(seen_on, today=today_of(session, contact.organisation_id))
    if contact.position_at is not None and contact.position_at.date() > said_at.date():
        raise InputError(N_("A later place of theirs is known already."))
    return position_of(stand_in(session, place), source=PositionSource.TOLD_US, said_at=said_at)


def _held(contact: Contact) -> Any:
    held = select(Contact).where(Contact.id == contact.id)
    return held.with_for_update(key_share=True).execution_options(populate_existing=True)
