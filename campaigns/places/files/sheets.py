"""Locations and routes come in as sheets and go out again without loss, unknown columns too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from campaigns.core.errors import RowProblem, RowsError
from campaigns.core.words import N_
from campaigns.places.files.row_checks import BORDER_CROSSING, RowChecks
from campaigns.places.files.sheet_cells import Line, read_sheet, write_sheet
from campaigns.places.geography.atlas import load_atlas
from campaigns.places.geography.shapes import MAX_RADIUS_M, MIN_RADIUS_M, anchor_of, metres_between
from campaigns.places.models import Place, Route

LOCATION_COLUMNS = (
    "id",
    "name",
    "local_name",
    "kind",
    "country",
    "iso3166_2",
    "adm1_pcode",
    "adm1_name",
    "adm2_pcode",
    "lat",
    "lon",
    "coord_src",
    "evidence",
    "certainty",
    "note",
)
ROUTE_COLUMNS = (
    "id",
    "programme",
    "name",
    "mode",
    "waypoints",
    "great_circle_km",
    "certainty",
    "evidence",
)
MAX_ROWS = 5_000

#: What a place keeps as columns of its own; every other column of a row is kept in `extra`.
_OWN_LOCATION = frozenset({"id", "name", "local_name", "kind", "certainty", "note"})
_OWN_ROUTE = frozenset({"id", "programme", "name", "mode", "waypoints", "certainty"})

#: Radius in metres by category: a station is its forecourt and the streets around, an area of origin a district.
RADIUS_M = {
    "rail_station": 1_500,
    "reception_centre": 2_000,
    BORDER_CROSSING: 3_000,
    "airport": 3_000,
    "transit_town": 5_000,
    "recruitment_hub": 8_000,
    "origin_city": 10_000,
    "destination": 10_000,
    "departure_coast": 10_000,
    "arrival_coast": 10_000,
    "origin_area": 20_000,
}
DEFAULT_RADIUS_M = 5_000

_ACCURACY = re.compile(r"±\s*(\d+(?:[.,]\d+)?)\s*km")
_ARROW = re.compile(r"\s*>\s*")

RowT = TypeVar("RowT", "LocationRow", "RouteRow")


@dataclass(frozen=True, slots=True)
class LocationRow:
    """One location of a sheet, checked."""

    line: int
    key: str
    name: str
    local_name: str | None
    category: str | None
    #: The region that the row states, as it is drawn; None when it must be found by the point.
    region_code: str | None
    country: str | None
    longitude: float
    latitude: float
    radius_m: int
    certainty: str | None
    note: str | None
    extra: dict[str, str]


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One route of a sheet, checked but for its stops, which the database knows."""

    line: int
    key: str
    name: str
    mode: str
    programme: str | None
    stop_keys: tuple[str, ...]
    certainty: str | None
    extra: dict[str, str]


def read_locations(text: str) -> list[LocationRow]:
    """Read a sheet of locations. Raises FileFormatError, TooManyRowsError or RowsError; nothing is half read."""
    sheet = read_sheet(text, required=("id", "name", "lat", "lon"), max_rows=MAX_ROWS)
    return _read_rows(sheet.lines, _location)


def read_routes(text: str) -> list[RouteRow]:
    """Read a sheet of routes. Raises FileFormatError, TooManyRowsError or RowsError; nothing is half read."""
    sheet = read_sheet(text, required=("id", "name", "mode", "waypoints"), max_rows=MAX_ROWS)
    return _read_rows(sheet.lines, _route)


def write_locations(places: Sequence[Place]) -> str:
    """Return the sheet of places that are points, in the order given."""
    return write_sheet(_columns(LOCATION_COLUMNS, places), map(_location_cells, places))


def write_routes(routes: Sequence[Route]) -> str:
    """Return the sheet of routes, in the order given; stops are named by their keys."""
    return write_sheet(_columns(ROUTE_COLUMNS, routes), map(_route_cells, routes))


def radius_of(category: str | None, coordinate_source: str = "") -> int:
    """Return the radius of an imported point in metres: its stated accuracy ("K±5km"), else by category."""
    stated = _ACCURACY.search(coordinate_source)
    if stated:
        metres = round(float(stated[1].replace(",", ".")) * 1000)
        return min(max(metres, MIN_RADIUS_M), MAX_RADIUS_M)
    return RADIUS_M.get(category or "", DEFAULT_RADIUS_M)


def _read_rows(lines: Iterable[Line], read: Callable[[Line], RowT]) -> list[RowT]:
    rows: list[RowT] = []
    problems: list[RowProblem] = []
    first: dict[str, int] = {}
    for line in lines:
        try:
            row = read(line)
        except RowsError as error:
            problems += error.problems
            continue
        if row.key in first:
            twice = {"id": row.key, "line": first[row.key]}
            problems.append(RowProblem(line.number, "id", N_("%(id)s is already on line %(line)s."), twice))
        first.setdefault(row.key, line.number)
        rows.append(row)
    if problems:
        raise RowsError(problems)
    return rows


def _location(line: Line) -> LocationRow:
    cells, atlas, check = line.cells, load_atlas(), RowChecks(line)
    key, name = check.key(), check.text("name", 200)
    local_name, category = check.short("local_name", 200), check.short("kind", 60)
    certainty = check.short("certainty", 60)
    latitude, longitude = check.degrees("lat"), check.degrees("lon")
    radius_m = radius_of(category, cells.get("coord_src", ""))
    check.on_earth(longitude, latitude, radius_m)
    country = check.country(atlas)
    region_code = check.region(atlas, country)
    if country and not check.problems:
        check.inside(atlas, country, longitude, latitude)
    check.done()
    return LocationRow(
        line=line.number,
        key=key,
        name=name,
        local_name=local_name,
        category=category,
        region_code=region_code,
        country=country,
        longitude=longitude,
        latitude=latitude,
        radius_m=radius_m,
        certainty=certainty,
        note=cells.get("note") or None,
        extra=_extra(cells, LOCATION_COLUMNS, _OWN_LOCATION),
    )


def _route(line: Line) -> RouteRow:
    cells, check = line.cells, RowChecks(line)
    key, name, mode = check.key(), check.text("name", 200), check.text("mode", 40)
    programme, certainty = check.short("programme", 60), check.short("certainty", 60)
    stop_keys = tuple(filter(None, _ARROW.split(cells["waypoints"])))
    if len(stop_keys) < 2:
        check.fail("waypoints", N_("a route needs at least two waypoints: their ids, separated by >."))
    check.done()
    return RouteRow(
        line=line.number,
        key=key,
        name=name,
        mode=mode,
        programme=programme,
        stop_keys=stop_keys,
        certainty=certainty,
        extra=_extra(cells, ROUTE_COLUMNS, _OWN_ROUTE),
    )


def _extra(cells: Mapping[str, str], known: Sequence[str], own: frozenset[str]) -> dict[str, str]:
    """Keep what has no column of its own; an unknown column is kept even where it is empty."""
    return {name: cell for name, cell in cells.items() if name not in own and (cell or name not in known)}


def _columns(known: Sequence[str], rows: Iterable[Place] | Iterable[Route]) -> list[str]:
    unknown = dict.fromkeys(name for row in rows for name in row.extra if name not in known)
    return [*known, *unknown]


def _location_cells(place: Place) -> dict[str, str]:
    longitude, latitude = anchor_of(place.geometry)
    region = place.region
    derived = {
        "country": region.country if region else "",
        "iso3166_2": region.code if region and "-X" not in region.code else "",
        "lat": _degrees(latitude),
        "lon": _degrees(longitude),
    }
    own = {
        "id": place.key,
        "name": place.name,
        "local_name": place.local_name or "",
        "kind": place.category or "",
        "certainty": place.certainty or "",
        "note": place.note or "",
    }
    cells = derived | _texts(place.extra) | own
    source = cells.get("coord_src", "")
    if place.radius_m is not None and radius_of(place.category, source) != place.radius_m:
        # Somebody drew it so: as it is read, it would be another circle.
        cells["coord_src"] = f"±{place.radius_m / 1000:g}km {source}".strip()
    return cells


def _route_cells(route: Route) -> dict[str, str]:
    stops = [stop.place for stop in route.stops]
    anchors = [anchor_of(stop.geometry) for stop in stops]
    kilometres = sum(map(metres_between, anchors, anchors[1:])) / 1000
    own = {
        "id": route.key,
        "programme": route.programme or "",
        "name": route.name,
        "mode": route.mode,
        "waypoints": " > ".join(stop.key for stop in stops),
        "certainty": route.certainty or "",
    }
    return {"great_circle_km": f"{kilometres:.0f}"} | _texts(route.extra) | own


def _texts(extra: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in extra.items()}


def _degrees(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")
