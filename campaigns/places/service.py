"""These verbs change regions, places and routes; each writes the cells of what it changes and an audit entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from io import BytesIO
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import InputError, RefusedError, RowProblem, RowsError
from campaigns.core.lists import first_of
from campaigns.core.words import N_
from campaigns.places.changes.guard import Guard
from campaigns.places.drafts import DEFAULT_HALF_WIDTH_M, Imported, PlaceDraft, RouteDraft, stored_shape
from campaigns.places.files.incoming import Incoming, read_places
from campaigns.places.files.row_checks import BORDER_CROSSING
from campaigns.places.files.sheets import LocationRow, RouteRow
from campaigns.places.geography.atlas import RegionFacts, load_atlas
from campaigns.places.models import Place, Region, Route
from campaigns.places.place_rows import (
    add_author,
    cover_of,
    differs,
    draft_of_row,
    fill_place,
    has_moved,
    keep_true,
    take_authors,
    write_cells,
)
from campaigns.places.queries import (
    known_shapes,
    places_by_id,
    places_by_key,
    region_ids,
    routes_through,
    select_routes,
    shape_key,
)
from campaigns.places.route_rows import (
    ABOUT_STOPS,
    check_total,
    cover_route,
    fill_route,
    follow_stops,
    new_route,
    stops_in_order,
)
from campaigns.places.route_rows import draft_of_row as route_draft_of_row
from campaigns.staff.audit import record
from campaigns.staff.models import Organisation
from campaigns.staff.queries import hold_organisation

#: Routes that one sentence names.
MOST_NAMED = 3


def load_regions(session: Session) -> int:
    """Bring the region table in line with the bundled outlines; return how many regions there are."""
    stored = {region.code: region for region in session.scalars(select(Region))}
    facts = load_atlas().facts
    fresh = [{"code": one.code} | _columns_of(one) for one in facts if one.code not in stored]
    if fresh:
        session.execute(insert(Region), fresh)
    for one in facts:
        for name, value in _columns_of(one).items() if one.code in stored else ():
            if getattr(stored[one.code], name) != value:
                setattr(stored[one.code], name, value)
    session.flush()
    return len(facts)


def save_hotspot(session: Session, organisation_id: int, draft: PlaceDraft, *, by: int | None) -> Place:
    """Save a new hotspot or stop with its cells; `by` is a member's id. Raises InputError."""
    now = clock.now()
    place = Place(organisation_id=organisation_id, key=uuid4().hex[:12], created_at=now, updated_at=now)
    fill_place(place, draft, region_ids(session))
    place.extra = {"iso3166_2": draft.region_code} if draft.region_code else {}
    cells = cover_of(place)
    session.add(place)
    session.flush()
    write_cells(session, {place.id: cells})
    add_author(session, [place.id], by)
    record(session, "place.create", subject=place, organisation_id=organisation_id, member_id=by, kind=place.kind)
    return place


def update_place(
    session: Session, place: Place, draft: PlaceDraft, *, by: int | None, author: int | None = None
) -> Place:
    """Save what a member changed on a hotspot or stop; corridors that pass it follow.

    A region that an earlier sheet stated is found anew when the place moves, but for border crossings. `author`
    wanted it, when that is not the member who acts. What is in use changes by `proposed.py`. Raises InputError.
    """
    stored_shape(place.geometry, place.radius_m)
    stated = place.extra.get("iso3166_2")
    moved = (place.geometry, place.radius_m) != (draft.shape.geometry, draft.shape.radius_m)
    flies, renamed = place.category != draft.category, place.name != draft.name
    if moved and draft.region_code == stated and draft.category != BORDER_CROSSING:
        draft = replace(draft, region_code=None)
    fill_place(place, draft, region_ids(session))
    place.extra = keep_true(place.extra, moved=moved, region_code=draft.region_code)
    place.updated_at = clock.now()
    cells = cover_of(place)
    session.flush()
    if moved:
        write_cells(session, {place.id: cells})
    if moved or flies:
        follow_stops(session, [place.id])
    if moved or flies or renamed:
        add_author(session, [place.id], author or by)
    record(
        session, "place.update", subject=place, organisation_id=place.organisation_id, member_id=by, moved=moved
    )
    return place


def delete_place(session: Session, place: Place, *, by: int | None) -> None:
    """Delete a hotspot or stop with its cells. Raises RefusedError while a route stops there."""
    stored_shape(place.geometry, place.radius_m)
    routes = routes_through(session, [place.id])
    if routes:
        raise RefusedError(
            N_("%(place)s is a waypoint of a route (%(routes)s). Take it out of the route first."),
            place=place.name,
            routes=first_of([route.name for route in routes], MOST_NAMED),
        )
    record(session, "place.delete", subject=place, organisation_id=place.organisation_id, member_id=by)
    session.delete(place)
    session.flush()


def save_route(
    session: Session,
    organisation_id: int,
    draft: RouteDraft,
    *,
    by: int | None,
    route: Route | None = None,
    author: int | None = None,
) -> Route:
    """Save a new route, or what a member changed on `route`, with its corridor and cells by leg.

    `author` wanted it, when that is not the member who acts. What is in use changes by `proposed.py`.
    Raises RouteError for fewer than two stops, an unknown stop or the same one twice running, GeometryError
    for a corridor that cannot be drawn.
    """
    action = "route.update" if route else "route.create"
    stops = stops_in_order(draft.stop_ids, places_by_id(session, organisation_id, draft.stop_ids))
    cells = cover_route(draft.mode, stops, draft.half_width_m)
    route = route or new_route(organisation_id)
    if [stop.place_id for stop in route.stops] != list(draft.stop_ids):
        route.extra = {name: value for name, value in route.extra.items() if name not in ABOUT_STOPS}
    fill_route(session, route, draft, stops)
    session.flush()
    write_cells(session, {route.corridor_id: cells})
    add_author(session, [route.corridor_id], author or by)
    record(session, action, subject=route, organisation_id=organisation_id, member_id=by, stops=len(stops))
    return route


def copy_route(session: Session, original: Route, draft: RouteDraft, *, by: int) -> Route:
    """Save a new route that began as `original`; it has the same authors, too. Raises as `save_route` does."""
    route = save_route(session, original.organisation_id, draft, by=by)
    take_authors(session, route.corridor_id, of=original.corridor_id)
    return route


def delete_route(session: Session, route: Route, *, by: int | None) -> None:
    """Delete a route and its corridor; the places that it stops at stay."""
    record(session, "route.delete", subject=route, organisation_id=route.organisation_id, member_id=by)
    corridor = route.corridor
    session.delete(route)
    session.flush()
    session.delete(corridor)
    session.flush()


def import_places(
    session: Session,
    organisation_id: int,
    rows: Sequence[LocationRow],
    *,
    by: int | None,
    source: str | None = None,
    covers: Sequence[set[int]] = (),
    guard: Guard | None = None,
) -> Imported:
    """Add or bring up to date one stop for each row, found again by its id; corridors follow moved stops.

    `source` says where the sheet comes from; `covers` are the cells of its rows, where they are known; `guard`
    holds rows back. Raises RowsError; a caller that rolls back has changed nothing.
    """
    stored = places_by_key(session, organisation_id, [row.key for row in rows])
    regions, now, guard = region_ids(session), clock.now(), guard or Guard()
    places: list[Place] = []
    cells: dict[Place, set[int]] = {}
    for number, row in enumerate(rows):
        known, draft = stored.get(row.key), draft_of_row(row, stored.get(row.key), source)
        if known is not None and guard.hold_place(known, draft):
            continue
        place = known or Place(organisation_id=organisation_id, key=row.key, created_at=now)
        fill_place(place, draft, regions)
        place.extra = row.extra
        places.append(place)
        cells |= dict(zip((place,), covers[number : number + 1], strict=False))
    done = replace(_finish_places(session, places, cells, by=by), waiting=guard.count)
    _record_import(session, organisation_id, "places.import", done, by)
    return done


def import_routes(
    session: Session,
    organisation_id: int,
    rows: Sequence[RouteRow],
    *,
    by: int | None,
    half_width_m: int = DEFAULT_HALF_WIDTH_M,
    guard: Guard | None = None,
) -> Imported:
    """Add or bring up to date one route for each row, found again by its id; a known route keeps its width.

    `guard` holds rows back. Raises RowsError or, for too many cells, TooManyRowsError; nothing is changed then.
    """
    by_key = places_by_key(session, organisation_id, list({key for row in rows for key in row.stop_keys}))
    by_id = {place.id: place for place in by_key.values()}
    stored = {route.key: route for route in session.scalars(select_routes(organisation_id))}
    problems, guard, total = list[RowProblem](), guard or Guard(), 0
    covers: dict[Route, list[set[int]]] = {}
    for row in rows:
        route = stored.get(row.key) or new_route(organisation_id, row.key)
        try:
            draft = route_draft_of_row(row, by_key, route.width_m or half_width_m)
            stops = stops_in_order(draft.stop_ids, by_id)
            cells = cover_route(draft.mode, stops, draft.half_width_m)
        except InputError as error:
            problems.append(RowProblem(row.line, "waypoints", error.template, error.values))
            continue
        if row.key in stored and guard.hold_route(route, draft, stops):
            continue
        route.extra = row.extra
        total = check_total(total + sum(map(len, cells)))
        if fill_route(session, route, draft, stops):
            covers[route] = cells
    if problems:
        raise RowsError(problems)
    _write_corridors(session, covers, by=by)
    added, waiting = sum(route.key not in stored for route in covers), guard.count
    done = Imported(added, len(covers) - added, len(rows) - len(covers) - waiting, waiting=waiting)
    _record_import(session, organisation_id, "routes.import", done, by)
    return done


def _write_corridors(session: Session, legs: Mapping[Route, list[set[int]]], *, by: int | None) -> None:
    session.flush()
    write_cells(session, {route.corridor_id: cells for route, cells in legs.items()})
    add_author(session, [route.corridor_id for route in legs], by)


def import_hotspots(
    session: Session,
    organisation_id: int,
    drafts: Sequence[tuple[str | None, PlaceDraft]],
    *,
    by: int | None,
    covers: Sequence[set[int]] = (),
    guard: Guard | None = None,
) -> Imported:
    """Add or bring up to date one hotspot or stop for each draft, found again by its id. Raises RowsError.

    One without an id is there already when a place of its name has its shape, and stays as it is. `covers` are the
    cells of the drafts, where they are known; `guard` holds drafts back.
    """
    stored = places_by_key(session, organisation_id, [key for key, _ in drafts if key])
    known = known_shapes(session, organisation_id, [draft.name for key, draft in drafts if not key])
    regions, now, guard = region_ids(session), clock.now(), guard or Guard()
    problems: list[RowProblem] = []
    places = []
    cells: dict[Place, set[int]] = {}
    for number, (key, draft) in enumerate(drafts, start=1):
        shape = shape_key(draft.name, draft.shape.geometry, draft.shape.radius_m)
        if not key and shape in known:
            continue
        known.add(shape)
        fresh = Place(organisation_id=organisation_id, key=key or uuid4().hex[:12], extra={}, created_at=now)
        place = stored.setdefault(key, fresh) if key else fresh
        if place.id is not None and guard.hold_place(place, draft):
            continue
        problems += _problems_of(number, place, draft, regions)
        place.extra = keep_true(place.extra, moved=has_moved(place), region_code=draft.region_code)
        places.append(place)
        cells |= dict(zip((place,), covers[number - 1 : number], strict=False))
    if problems:
        raise RowsError(problems)
    done = _finish_places(session, places, cells, by=by)
    done = replace(done, unchanged=len(drafts) - done.added - done.changed - guard.count, waiting=guard.count)
    _record_import(session, organisation_id, "hotspots.import", done, by)
    return done


def _problems_of(number: int, place: Place, draft: PlaceDraft, regions: Mapping[str, int]) -> list[RowProblem]:
    """Put a draft of a file on its place; return what is wrong with it."""
    try:
        fill_place(place, draft, regions)
    except InputError as error:
        return [RowProblem(number, "", error.template, error.values)]
    return []


def import_file(
    session: Session,
    organisation_id: int,
    data: bytes,
    *,
    by: int | None,
    source: str | None = None,
    guard: Guard | None = None,
) -> Imported:
    """Import a file of locations or routes (CSV) or hotspots (GeoJSON), told apart by what is in it.

    `guard` holds back what would change a place or route in use. What members import comes by `proposed.py`.
    Raises InputError: by file first, then by row.
    """
    incoming = read_places(BytesIO(data))
    return import_incoming(session, organisation_id, incoming, by=by, source=source, guard=guard)


def import_incoming(
    session: Session,
    organisation_id: int,
    incoming: Incoming,
    *,
    by: int | None,
    source: str | None = None,
    guard: Guard | None = None,
) -> Imported:
    """Import what was read in a file; `guard` holds back what would change what is in use. Raises RowsError."""
    # A file that is sent twice at once is imported once: the second one finds what the first one added.
    hold_organisation(session, organisation_id)
    covers = incoming.covers
    if incoming.hotspots is not None:
        return import_hotspots(session, organisation_id, incoming.hotspots, by=by, covers=covers, guard=guard)
    if incoming.routes is not None:
        return import_routes(session, organisation_id, incoming.routes, by=by, guard=guard)
    rows = incoming.locations or ()
    return import_places(session, organisation_id, rows, by=by, source=source, covers=covers, guard=guard)


def _finish_places(
    session: Session, places: Sequence[Place], known: Mapping[Place, set[int]], *, by: int | None
) -> Imported:
    """Write the imported places that are new or differ, their cells, and the corridors that pass them.

    `known` are cells that need not be found again.
    """
    added = [place for place in places if place.id is None]
    changed = [place for place in places if place.id is not None and session.is_modified(place)]
    moved = [place for place in changed if has_moved(place)]
    flying = [place for place in changed if differs(place, "category")]
    authored = {*added, *moved, *flying, *(place for place in changed if differs(place, "name"))}
    for place in (*added, *changed):
        place.updated_at = clock.now()
    covers = {place: [known[place]] if place in known else cover_of(place) for place in (*added, *moved)}
    session.add_all(added)
    session.flush()
    write_cells(session, {place.id: cells for place, cells in covers.items()})
    follow_stops(session, [place.id for place in {*moved, *flying}])
    add_author(session, [place.id for place in authored], by)
    return Imported(len(added), len(changed), len(places) - len(added) - len(changed))


def _record_import(session: Session, organisation_id: int, action: str, done: Imported, by: int | None) -> None:
    organisation = session.get_one(Organisation, organisation_id)
    record(session, action, subject=organisation, organisation_id=organisation_id, member_id=by, **asdict(done))


def _columns_of(region: RegionFacts) -> dict[str, Any]:
    return {
        "country": region.country,
        "parent_code": region.parent,
        "name": region.name,
        "names": region.names,
        "outdated": region.outdated,
    }
