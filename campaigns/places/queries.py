"""Reads on regions, places and routes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from sqlalchemy import Select, func, select, union
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload, selectinload

from campaigns.places.geography.atlas import load_atlas
from campaigns.places.models import Place, PlaceKind, Region, Route, Waypoint
from campaigns.staff.queries import owned

Value = TypeVar("Value")
#: Id and name of a place, and the code of the country in which it lies.
PlaceChoice = tuple[int, str, str | None]
_HOTSPOTS_AND_STOPS = (PlaceKind.HOTSPOT, PlaceKind.STOP)


def regions_by_id(session: Session, ids: Collection[int] | None = None) -> dict[int, Region]:
    """Return every region by its id, or those of some `ids`."""
    wanted = [] if ids is None else [Region.id.in_(ids)]
    return {region.id: region for region in session.scalars(select(Region).where(*wanted))}


def region_ids(session: Session) -> dict[str, int]:
    """Return the id of every region by its code."""
    return dict(session.execute(select(Region.code, Region.id)).all())


def find_unknown_codes(session: Session, codes: Collection[str]) -> list[str]:
    """Return those codes that are no region's, no country's, and of nothing that regions are parts of."""
    named = (Region.code, Region.parent_code, Region.country)
    known = set(session.scalars(union(*(select(column).where(column.in_(codes)) for column in named))))
    return sorted(set(codes) - known)


def find_region(session: Session, code: str) -> Region | None:
    """Return the region that is drawn for an ISO 3166-2 code: itself, its alias or what covers it, else None."""
    codes = load_atlas().drawn_codes(code)
    return session.scalar(select(Region).where(Region.code == codes[0])) if len(codes) == 1 else None


def select_places(organisation_id: int, kind: PlaceKind | None = None) -> Select[Place]:
    """Select an organisation's places of one kind (else hotspots and stops) with their regions, by name."""
    kinds = [kind] if kind else _HOTSPOTS_AND_STOPS
    return (
        owned(select(Place), Place, organisation_id)
        .where(Place.kind.in_(kinds))
        .options(joinedload(Place.region))
        .order_by(Place.name, Place.id)
    )


def place_keys_and_names(session: Session, organisation_id: int) -> list[tuple[str, str]]:
    """Return the keys of an organisation's hotspots and stops with their names, by name."""
    return [(key, name) for key, name in session.execute(_select_with_names(Place.key, organisation_id))]


def place_ids_and_names(session: Session, organisation_id: int) -> list[tuple[int, str]]:
    """Return the ids of an organisation's hotspots and stops with their names, by name."""
    return [(place_id, name) for place_id, name in session.execute(_select_with_names(Place.id, organisation_id))]


def place_choices(session: Session, organisation_id: int) -> list[PlaceChoice]:
    """Return the ids of an organisation's hotspots and stops with their names and countries, by name."""
    named = owned(select(Place.id, Place.name, Region.country), Place, organisation_id)
    named = named.outerjoin(Region, Region.id == Place.region_id).where(Place.kind.in_(_HOTSPOTS_AND_STOPS))
    return [(*row,) for row in session.execute(named.order_by(Place.name, Place.id))]


def _select_with_names(column: InstrumentedAttribute[Value], organisation_id: int) -> Select[Value, str]:
    named = owned(select(column, Place.name), Place, organisation_id)
    return named.where(Place.kind.in_(_HOTSPOTS_AND_STOPS)).order_by(Place.name, Place.id)


def select_routes(organisation_id: int) -> Select[Route]:
    """Select an organisation's routes with their stops, places and regions, by name."""
    stops = selectinload(Route.stops).joinedload(Waypoint.place).joinedload(Place.region)
    return owned(select(Route), Route, organisation_id).options(stops).order_by(Route.name, Route.id)


def count_places(session: Session, organisation_id: int, kind: PlaceKind) -> int:
    """Return how many places of a kind an organisation has."""
    theirs = owned(select(func.count()), Place, organisation_id).select_from(Place)
    return session.scalar(theirs.where(Place.kind == kind)) or 0


def count_routes(session: Session, organisation_id: int) -> int:
    """Return how many routes an organisation has."""
    return session.scalar(owned(select(func.count()), Route, organisation_id).select_from(Route)) or 0


def named_places(session: Session, organisation_id: int, kind: PlaceKind) -> list[tuple[int, str]]:
    """Return the ids of places of a kind, each with all names that it has."""
    named = owned(select(Place.id, Place.name, Place.local_name), Place, organisation_id).where(Place.kind == kind)
    return [(each.id, f"{each.name} {each.local_name or ''}") for each in session.execute(named)]


def named_routes(session: Session, organisation_id: int) -> list[tuple[int, str]]:
    """Return the ids of routes with their names."""
    named = session.execute(owned(select(Route.id, Route.name), Route, organisation_id))
    return [(each.id, each.name) for each in named]


def has_source(session: Session, organisation_id: int, source: str) -> bool:
    """Say whether one of an organisation's places comes from a source."""
    named = owned(select(Place.id), Place, organisation_id).where(Place.source == source)
    return session.scalar(named.where(Place.kind != PlaceKind.CORRIDOR).limit(1)) is not None


def programmes_of(session: Session, organisation_id: int) -> list[str]:
    """Return the programmes to which the organisation's routes belong, as they are stored."""
    used = owned(select(Route.programme), Route, organisation_id).where(Route.programme.is_not(None)).distinct()
    return [programme for programme in session.scalars(used) if programme]


def count_named_alike(session: Session, organisation_id: int, name: str) -> int:
    """Return how many of the organisation's hotspots and stops have exactly this name."""
    alike = owned(select(func.count()), Place, organisation_id).select_from(Place).where(Place.name == name)
    return session.scalar(alike.where(Place.kind != PlaceKind.CORRIDOR)) or 0


def routes_through(session: Session, place_ids: Collection[int]) -> list[Route]:
    """Return the routes that have one of these places as a stop, by name."""
    through = select(Waypoint.route_id).where(Waypoint.place_id.in_(place_ids))
    stops = selectinload(Route.stops).joinedload(Waypoint.place)
    return list(session.scalars(select(Route).where(Route.id.in_(through)).options(stops).order_by(Route.name)))


def places_by_key(session: Session, organisation_id: int, keys: Collection[str]) -> dict[str, Place]:
    """Return the organisation's hotspots and stops among these keys, by key."""
    rows = session.scalars(select_places(organisation_id).where(Place.key.in_(keys)))
    return {place.key: place for place in rows}


def known_shapes(session: Session, organisation_id: int, names: Collection[str]) -> set[str]:
    """Return the `shape_key` of each of the organisation's hotspots and stops that has one of these names."""
    rows = session.scalars(select_places(organisation_id).where(Place.name.in_(set(names)))) if names else ()
    return {shape_key(place.name, place.geometry, place.radius_m) for place in rows}


def shape_key(name: str, geometry: Mapping[str, Any], radius_m: int | None) -> str:
    """Return what is the same of two places that have one name and one shape."""
    return json.dumps([name, geometry, radius_m], sort_keys=True)


def places_by_id(session: Session, organisation_id: int, place_ids: Collection[int]) -> dict[int, Place]:
    """Return the organisation's hotspots and stops among these ids, by id."""
    rows = session.scalars(select_places(organisation_id).where(Place.id.in_(place_ids)))
    return {place.id: place for place in rows}


def load_countries(session: Session, organisation_id: int) -> list[str]:
    """Return the countries that an organisation's hotspots and stops lie in, in the order of their codes."""
    found = owned(select(Region.country).distinct(), Place, organisation_id)
    found = found.select_from(Place).join(Region, Region.id == Place.region_id)
    return sorted(session.scalars(found.where(Place.kind != PlaceKind.CORRIDOR)))
