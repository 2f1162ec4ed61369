"""Somebody tells where they are by a name, and is taken for there: of the place its cell alone is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.models import Contact, PositionSource
from campaigns.audience.positions import Standing, move_contacts, position_of, stand_at
from campaigns.core.languages import UNKNOWN_LANGUAGE
from campaigns.inbox.automatic.open_questions import Choice
from campaigns.inbox.conversations.models import Conversation
from campaigns.places.geography.atlas import load_atlas
from campaigns.places.geography.cells import centre_of
from campaigns.places.models import Place, PlaceKind, Region
from campaigns.places.place_names.candidates import Candidate, Match
from campaigns.places.place_names.geocoder import understand
from campaigns.staff.queries import owned

#: Places of the organisation that say which namesake is meant, of whom nothing else is known.
MOST_PLACES = 200


@dataclass(frozen=True, slots=True)
class Understood:
    """Either a place, or a few of which one is meant, or nothing."""

    place: Choice | None = None
    choices: Sequence[Choice] = ()
    #: Nothing more was said than the name of the place.
    is_all: bool = True


def understand_place(session: Session, conversation: Conversation, name: str, language: str) -> Understood:
    """Return which place a person means by a name, in words of their language; the points are forgotten."""
    near = _known_points(session, conversation.organisation_id, conversation.contact_id)
    decision = understand(name, language="en" if language == UNKNOWN_LANGUAGE else language, near=near)
    if decision.place is None:
        return Understood(choices=[_choice_of(session, each) for each in decision.choices])
    return Understood(_choice_of(session, decision.place), is_all=decision.place.match is not Match.PART)


def move(session: Session, contact_id: int, standing: Standing, *, at: datetime) -> None:
    """Let a contact be where they said at a moment (UTC)."""
    position = position_of(standing, source=PositionSource.TOLD_US, said_at=at)
    move_contacts(session, [(contact_id, position)])


def region_shown(session: Session, contact_id: int, language: str) -> str:
    """Return the name of the region where a contact is, in a language where it has one there; '' for none."""
    code = session.scalar(
        select(Region.code).join(Contact, Contact.region_id == Region.id).where(Contact.id == contact_id)
    )
    region = load_atlas().get(code) if code else None
    return region.names.get(language, region.name) if region else ""


def _choice_of(session: Session, place: Candidate) -> Choice:
    there = stand_at(session, latitude=place.latitude, longitude=place.longitude)
    return Choice(place.shown, cell=there.cell, region_id=there.region_id, time_zone=there.time_zone)


def _known_points(session: Session, organisation_id: int, contact_id: int) -> Sequence[tuple[float, float]]:
    """Return where a contact was last, else where the organisation's own places are."""
    cell = session.scalar(select(Contact.cell).where(Contact.id == contact_id))
    if cell is not None:
        return [centre_of(cell)]
    places = owned(select(Place.geometry), Place, organisation_id).where(Place.kind != PlaceKind.CORRIDOR)
    points = (
        shapely.geometry.shape(geometry).representative_point()
        for geometry in session.scalars(places.order_by(Place.id).limit(MOST_PLACES))
    )
    return [(point.x, point.y) for point in points]
