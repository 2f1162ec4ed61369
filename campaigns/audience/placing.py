"""Turns what a contact row says about where somebody was into a cell, a region and a time zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.audience.importer import ContactRow, quoted
from campaigns.core.errors import RowProblem
from campaigns.core.words import N_
from campaigns.places.geography import Located, cell_of, locate_cells
from campaigns.places.models import Place, PlaceKind
from campaigns.places.queries import region_ids
from campaigns.staff.queries import owned


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a contact said they were; all None when they said nothing."""

    cell: int | None = None
    region_id: int | None = None
    time_zone: str | None = None


NOWHERE = Standing()


@dataclass(frozen=True, slots=True)
class _Spot:
    cell: int
    #: The region that the place states, which its point must not overrule.
    region_id: int | None


class Placing:
    """Finds the standing of every row of a file at once."""

    def __init__(self, session: Session, organisation_id: int, rows: Iterable[ContactRow]) -> None:
        self._spots = _spots(session, organisation_id)
        self._regions = region_ids(session)
        self.problems: list[RowProblem] = []
        self._cells = {row.line: self._cell(row) for row in rows}
        self._located = locate_cells({cell for cell in self._cells.values() if cell is not None})

    def standing_of(self, row: ContactRow) -> Standing:
        """Return where the person of `row` said they were."""
        cell = self._cells[row.line]
        located = self._located.get(cell) if cell is not None else None
        stated = self._regions.get(row.region) if row.region else self._stated_by_place(row)
        if located is None:
            return Standing(region_id=stated) if stated else NOWHERE
        return Standing(cell, stated or self._region_id(located), located.time_zone)

    def _cell(self, row: ContactRow) -> int | None:
        if row.region and row.region not in self._regions:
            self._fail(row, "region", N_("there is no region %(region)s."), region=quoted(row.region))
        if row.position is not None:
            return cell_of(*row.position)
        if row.place is None:
            return None
        spot = self._spots.get(row.place.casefold())
        if spot is None:
            self._fail(row, "place", N_("there is no place %(place)s."), place=quoted(row.place))
            return None
        return spot.cell

    def _fail(self, row: ContactRow, column: str, template: str, **values: str) -> None:
        self.problems.append(RowProblem(row.line, column, template, values))

    def _stated_by_place(self, row: ContactRow) -> int | None:
        if row.place is None or row.position is not None:
            return None
        spot = self._spots.get(row.place.casefold())
        return spot.region_id if spot else None

    def _region_id(self, located: Located) -> int | None:
        return self._regions.get(located.region_code) if located.region_code else None


def _spots(session: Session, organisation_id: int) -> Mapping[str, _Spot]:
    """Return the organisation's hotspots and stops by key and by name, both case-folded; keys win."""
    places = session.scalars(owned(select(Place).where(Place.kind != PlaceKind.CORRIDOR), Place, organisation_id))
    by_name: dict[str, _Spot] = {}
    by_key: dict[str, _Spot] = {}
    for place in places:
        point = shapely.geometry.shape(place.geometry).representative_point()
        spot = _Spot(cell_of(point.x, point.y), place.region_id)
        by_name[place.name.casefold()] = by_key[place.key.casefold()] = spot
    return by_name | by_key
