"""A draft becomes a stored route, with its stops in order, its corridor and the cells of each leg."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from uuid import uuid4

from sqlalchemy.orm import Session

from campaigns.core import clock
from campaigns.core.errors import RouteError, TooManyRowsError
from campaigns.core.words import N_
from campaigns.places.drafts import MAX_STOPS, RouteDraft
from campaigns.places.files.sheets import RouteRow
from campaigns.places.geography.cover import cover_corridor, estimate_corridor, flown_legs
from campaigns.places.geography.shapes import Position, anchor_of, check_radius
from campaigns.places.models import Place, PlaceKind, Route, Waypoint
from campaigns.places.place_rows import write_cells
from campaigns.places.queries import routes_through

#: Cells that are written while others wait: of one route, or of all routes of one file. Each is a row.
MAX_CELLS = 300_000
#: Columns of a sheet that speak of the stops; they no longer hold once those have changed.
ABOUT_STOPS = ("great_circle_km",)


def stops_in_order(stop_ids: Sequence[int], places: Mapping[int, Place]) -> list[Place]:
    """Return the places of a route. Raises RouteError unless they are two or more, known, none twice running."""
    if len(stop_ids) < 2:
        raise RouteError(N_("A route needs at least two waypoints."))
    if len(stop_ids) > MAX_STOPS:
        raise RouteError(N_("A route has at most %(limit)s waypoints."), limit=MAX_STOPS)
    if any(stop_id not in places for stop_id in stop_ids):
        raise RouteError(N_("A waypoint of this route does not exist any more. Choose another place."))
    twice = next((one for one, other in pairwise(stop_ids) if one == other), None)
    if twice is not None:
        raise RouteError(N_("%(place)s follows itself. Remove it once."), place=places[twice].name)
    return [places[stop_id] for stop_id in stop_ids]


def draft_of_row(row: RouteRow, places: Mapping[str, Place], half_width_m: int) -> RouteDraft:
    """Return what a sheet's row says, with stops looked up by key. Raises RouteError for an unknown one."""
    unknown = [key for key in dict.fromkeys(row.stop_keys) if key not in places]
    if unknown:
        raise RouteError(N_("There is no place with the id %(ids)s. Import the places first."), ids=tuple(unknown))
    return RouteDraft(
        name=row.name,
        mode=row.mode,
        stop_ids=tuple(places[key].id for key in row.stop_keys),
        half_width_m=half_width_m,
        programme=row.programme,
        certainty=row.certainty,
    )


def new_route(organisation_id: int, key: str | None = None) -> Route:
    """Return a route without stops, and its corridor."""
    key, now = key or uuid4().hex[:12], clock.now()
    corridor = Place(
        organisation_id=organisation_id,
        key=f"{key}/corridor",
        kind=PlaceKind.CORRIDOR,
        extra={},
        risk_tags=[],
        created_at=now,
    )
    return Route(organisation_id=organisation_id, key=key, corridor=corridor, extra={}, created_at=now)


def fill_route(session: Session, route: Route, draft: RouteDraft, stops: Sequence[Place]) -> bool:
    """Put a draft on a route, its corridor and its stops; say whether anything changed. Raises GeometryError."""
    route.name, route.mode = draft.name, draft.mode
    route.programme, route.certainty = draft.programme, draft.certainty
    route.width_m = check_radius(draft.half_width_m)
    corridor = route.corridor
    corridor.name, corridor.radius_m = draft.name, route.width_m
    corridor.geometry = {"type": "LineString", "coordinates": [list(anchor_of(stop.geometry)) for stop in stops]}
    changed = route.id is None or session.is_modified(route) or session.is_modified(corridor)
    changed |= _put_stops(session, route, stops)
    if changed:
        route.updated_at = corridor.updated_at = clock.now()
    session.add(route)
    return changed


def cover_route(mode: str, stops: Sequence[Place], half_width_m: int) -> list[set[int]]:
    """Return the cells of each leg of a route; a flown leg has none. Raises GeometryError or RouteError."""
    points = [anchor_of(place.geometry) for place in stops]
    flown = flown_legs(mode, [(place.category, point) for place, point in zip(stops, points, strict=True)])
    ground = [leg for leg, is_flown in zip(pairwise(points), flown, strict=True) if not is_flown]
    if sum(estimate_corridor(leg, half_width_m) for leg in ground) > MAX_CELLS:
        raise RouteError(
            N_("The strip along the route is too long for its width: make it narrower, or two routes of it.")
        )
    return [
        set() if is_flown else cover_corridor(leg, half_width_m)[0]
        for leg, is_flown in zip(pairwise(points), flown, strict=True)
    ]


def check_total(cells: int) -> int:
    """Return how many cells the routes of a file have so far. Raises TooManyRowsError when these are too many."""
    if cells > MAX_CELLS:
        raise TooManyRowsError(
            N_("The routes of this file cover more than %(limit)s cells of the map. Split the file."),
            limit=f"{MAX_CELLS:,}",
        )
    return cells


def ground_lines(route: Route) -> list[tuple[Position, Position, bool]]:
    """Return start, end and whether it is flown, of each leg of a route in the order of travel."""
    places = [stop.place for stop in route.stops]
    points = [anchor_of(place.geometry) for place in places]
    flown = flown_legs(route.mode, [(place.category, point) for place, point in zip(places, points, strict=True)])
    return [(one, other, is_flown) for (one, other), is_flown in zip(pairwise(points), flown, strict=True)]


def follow_stops(session: Session, place_ids: Collection[int]) -> None:
    """Bring the corridors of all routes that stop at these places in line with where the places now are."""
    if not place_ids:
        return
    covers = {}
    for route in routes_through(session, place_ids):
        stops = [stop.place for stop in route.stops]
        covers[route.corridor_id] = cover_route(route.mode, stops, route.width_m)
        line = [list(anchor_of(place.geometry)) for place in stops]
        route.corridor.geometry = {"type": "LineString", "coordinates": line}
        route.extra = {name: value for name, value in route.extra.items() if name not in ABOUT_STOPS}
        route.updated_at = route.corridor.updated_at = clock.now()
    session.flush()
    write_cells(session, covers)


def _put_stops(session: Session, route: Route, stops: Sequence[Place]) -> bool:
    """Replace the stops of a route when they differ; say whether they did."""
    if [stop.place_id for stop in route.stops] == [place.id for place in stops]:
        return False
    # The old ones must be gone first: positions are unique, and new rows are written before old ones are deleted.
    route.stops.clear()
    session.flush()
    route.stops.extend(
        Waypoint(position=position, place_id=place.id, place=place) for position, place in enumerate(stops)
    )
    return True
