"""Turns what a contact row, a shared location or a way to join says of where somebody is into a position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import shapely
from sqlalchemy import Table, Update, bindparam, or_, select, update
from sqlalchemy.orm import Session

from campaigns.audience.contact_rows import ContactRow, Names, WrongRows, quoted
from campaigns.audience.models import Contact, PositionSource
from campaigns.core.database import UTCDateTime
from campaigns.core.errors import RowProblem
from campaigns.core.words import N_
from campaigns.places.geography.cells import Located, cell_of, locate, locate_cell, locate_cells
from campaigns.places.models import Place, PlaceKind, Region
from campaigns.places.queries import region_ids
from campaigns.staff.queries import owned

_CONTACT = cast(Table, Contact.__table__)


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


def stand_at(session: Session, *, latitude: float, longitude: float) -> Standing:
    """Return where a point in degrees lies; one outside the world lies nowhere.

    The region is the point's own: a cell at a border crossing has its centre in one country and half its people in
    the other.
    """
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return NOWHERE
    return _standing(session, cell_of(longitude, latitude), locate(longitude, latitude))


def stand_in(session: Session, place: Place) -> Standing:
    """Return where somebody is who is at a hotspot or stop; the region it states is theirs."""
    spot = _spot_of(place)
    return _standing(session, spot.cell, locate_cell(spot.cell), region_id=spot.region_id)


def position_of(standing: Standing, *, source: PositionSource | None, said_at: datetime | None) -> dict[str, Any]:
    """Return the columns of a contact that say where it stands, who said so, and when."""
    return {
        "cell": standing.cell,
        "region_id": standing.region_id,
        "time_zone": standing.time_zone,
        "position_source": source,
        "position_at": said_at,
    }


def move_contacts(session: Session, positions: Iterable[tuple[int, dict[str, Any]]]) -> None:
    """Write what `position_of` says of contacts, told by their ids, unless what is known of one is as new."""
    rows = [
        {"contact": contact_id} | {f"new_{name}": value for name, value in position.items()}
        for contact_id, position in positions
    ]
    if rows:
        session.connection().execute(_newer_position(), rows)


class Placing:
    """Finds the standing of the rows of a file, a batch at once."""

    def __init__(self, session: Session, organisation_id: int, wrong: WrongRows | None = None) -> None:
        """Prepare to place rows, and to note in `wrong` what is wrong with them."""
        self._spots = _spots(session, organisation_id)
        self._regions = region_ids(session)
        self._cells: dict[int, int | None] = {}
        self._located: dict[int, Located] = {}
        self._wrong = WrongRows() if wrong is None else wrong

    def place(self, rows: Iterable[ContactRow]) -> None:
        """Find where the people of these rows said they were, and forget those placed before."""
        self._cells = {row.line: self._cell(row) for row in rows}
        self._located = locate_cells({cell for cell in self._cells.values() if cell is not None})

    def check(self, rows: Iterable[ContactRow]) -> None:
        """Note the rows that name a place or region which is none."""
        for row in rows:
            self._cell(row)

    def knows(self, names: Names) -> bool:
        """Say whether the place and the region of these names are there."""
        is_region = not names.region or names.region in self._regions
        return is_region and (names.place is None or self._spots.get(names.place.casefold()) is not None)

    def agrees(self, other: Placing | None, names: Names) -> bool:
        """Say whether the place and the region of these names are there, and where another one has them."""
        if other is None or not self.knows(names):
            return False
        place = names.place.casefold() if names.place is not None else ""
        is_same = self._spots.get(place) == other._spots.get(place)
        return is_same and self._regions.get(names.region or "") == other._regions.get(names.region or "")

    def standing_of(self, row: ContactRow) -> Standing:
        """Return where the person of a row of the last batch said they were."""
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
        name = row.place.casefold()
        spot = self._spots.get(name)
        if spot is None:
            several = N_("several places are called %(place)s. Give each a name of its own first.")
            wrong = several if name in self._spots else N_("there is no place %(place)s.")
            self._fail(row, "place", wrong, place=quoted(row.place))
            return None
        return spot.cell

    def _fail(self, row: ContactRow, column: str, template: str, **values: str) -> None:
        self._wrong.note(RowProblem(row.line, column, template, values))

    def _stated_by_place(self, row: ContactRow) -> int | None:
        if row.place is None or row.position is not None:
            return None
        spot = self._spots.get(row.place.casefold())
        return spot.region_id if spot else None

    def _region_id(self, located: Located) -> int | None:
        return self._regions.get(located.region_code) if located.region_code else None


def _spots(session: Session, organisation_id: int) -> Mapping[str, _Spot | None]:
    """Return the organisation's hotspots and stops by key and by name, both case-folded; keys win.

    None stands for a name that several of them have which lie apart: nobody says which of them is meant.
    """
    places = session.scalars(owned(select(Place).where(Place.kind != PlaceKind.CORRIDOR), Place, organisation_id))
    by_name: dict[str, _Spot | None] = {}
    by_key: dict[str, _Spot | None] = {}
    for place in places:
        spot, name = _spot_of(place), place.name.casefold()
        by_name[name] = spot if by_name.get(name, spot) == spot else None
        by_key[place.key.casefold()] = spot
    shared = {name: spot for name, spot in by_name.items() if spot is None}
    # The key of the first of them is made of the name, and would speak for all.
    return by_name | by_key | shared


def _spot_of(place: Place) -> _Spot:
    point = shapely.geometry.shape(place.geometry).representative_point()
    return _Spot(cell_of(point.x, point.y), place.region_id)


def _standing(session: Session, cell: int, located: Located, *, region_id: int | None = None) -> Standing:
    if region_id is None and located.region_code is not None:
        region_id = session.scalar(select(Region.id).where(Region.code == located.region_code))
    return Standing(cell, region_id, located.time_zone)


def _newer_position() -> Update:
    """Return the update of one contact's position, which does nothing when the known one is as new."""
    said_at = bindparam("new_position_at", type_=UTCDateTime())
    names = ("cell", "region_id", "time_zone", "position_source")
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
    older = or_(_CONTACT.c.position_at.is_(None), _CONTACT.c.position_at < said_at)
    return (
        update(_CONTACT).where(_CONTACT.c.id == bindparam("contact"), older).values(position_at=said_at, **values)
    )
