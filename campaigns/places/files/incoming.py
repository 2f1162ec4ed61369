"""A file of places is read as a whole: locations, routes or hotspots, and the cells they cover."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO

from campaigns.core.errors import GeometryError, RowProblem, RowsError, TooManyRowsError
from campaigns.core.words import N_
from campaigns.places.drafts import PlaceDraft, Shape, circle
from campaigns.places.files.geojson import read_hotspots
from campaigns.places.files.sheet_cells import decode_text, split_separator
from campaigns.places.files.sheets import LocationRow, RouteRow, read_locations, read_routes

#: Cells that the places of one file may cover, about 500,000 km²: each is a row that is written while others wait.
MAX_CELLS = 100_000


@dataclass(slots=True)
class Incoming:
    """What a file says: one of the three lists."""

    locations: list[LocationRow] | None = None
    routes: list[RouteRow] | None = None
    #: Each with its id, where it has one.
    hotspots: list[tuple[str | None, PlaceDraft]] | None = None
    #: Cells of each location or hotspot; routes have theirs once their stops are known.
    covers: list[set[int]] = field(default_factory=list)


def read_places(file: BinaryIO) -> Incoming:
    """Read a file of locations or routes (CSV) or hotspots (GeoJSON), told apart by what is in it.

    Raises FileFormatError, TooManyRowsError or RowsError.
    """
    text = decode_text(file.read())
    if text.lstrip("\ufeff \r\n\t").startswith("{"):
        hotspots = read_hotspots(text)
        shapes = enumerate((draft.shape for _, draft in hotspots), start=1)
        return Incoming(hotspots=hotspots, covers=_covers(shapes))
    if "waypoints" in split_separator(text)[1].partition("\n")[0]:
        return Incoming(routes=read_routes(text))
    rows = read_locations(text)
    circles = ((row.line, circle(row.longitude, row.latitude, row.radius_m)) for row in rows)
    return Incoming(locations=rows, covers=_covers(circles))


def _covers(shapes: Iterable[tuple[int, Shape]]) -> list[set[int]]:
    """Return the cells of shapes that stand in these lines. Raises RowsError or TooManyRowsError."""
    covers: list[set[int]] = []
    problems: list[RowProblem] = []
    cells = 0
    for line, shape in shapes:
        try:
            covers.append(shape.cover())
        except GeometryError as error:
            problems.append(RowProblem(line, "", error.template, error.values))
            continue
        cells += len(covers[-1])
        if cells > MAX_CELLS:
            raise TooManyRowsError(
                N_("The places of this file cover more than %(limit)s cells of the map. Split the file."),
                limit=f"{MAX_CELLS:,}",
            )
    if problems:
        raise RowsError(problems)
    return covers
