"""Checks on the cells of one imported line; everything that is wrong is gathered before it is told."""

from __future__ import annotations

import re

from campaigns.core.errors import GeometryError, RowProblem, RowsError
from campaigns.core.words import N_
from campaigns.places.files.sheet_cells import Line
from campaigns.places.geography.atlas import Atlas
from campaigns.places.geography.shapes import MAX_LATITUDE, check_position, widen_point

#: The crossing of a border belongs to the region it states, whatever side of the drawn line its point lies on.
BORDER_CROSSING = "border_crossing"

#: How far outside a country's bounding box a point may lie before the two contradict each other, in degrees.
_BOX_MARGIN = 1.0

#: From here on a circle may reach over the edge of the map, in degrees.
_NEAR_EDGE = 170.0

#: One word; ">" separates stops, and "/" marks the corridor that belongs to a route.
KEY = re.compile(r"[^\s>/\0]{1,70}")


class RowChecks:
    """Checks the cells of one line and gathers everything that is wrong with them."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.problems: list[RowProblem] = []

    def fail(self, column: str, template: str, /, **values: object) -> None:
        """Note a problem with one column: the template of its sentence, and the values for its %(name)s."""
        self.problems.append(RowProblem(self._line.number, column, template, values))

    def done(self) -> None:
        """Raise RowsError when there was any problem."""
        if self.problems:
            raise RowsError(self.problems)

    def key(self) -> str:
        """Return the id of the row."""
        key = self._line.cells["id"]
        if not KEY.fullmatch(key):
            wrong = N_("an id is one word of at most 70 characters, without > and /.")
            self.fail("id", wrong if key else N_("the id is missing."))
        return key

    def text(self, column: str, limit: int) -> str:
        """Return a text that must be there and fit."""
        text = self._line.cells[column]
        if len(text) > limit:
            self.fail(column, N_("at most %(limit)s characters fit."), limit=limit)
        elif not text:
            self._missing(column)
        return text

    def short(self, column: str, limit: int) -> str | None:
        """Return a text that must fit, if there is one."""
        text = self._line.cells.get(column) or None
        if text is not None and len(text) > limit:
            self.fail(column, N_("at most %(limit)s characters fit."), limit=limit)
        return text

    def degrees(self, column: str) -> float:
        """Return a number written with a point or a comma."""
        text = self._line.cells[column]
        try:
            return float(text.replace(",", "."))
        except ValueError:
            if text:
                self.fail(column, N_("%(text)s is not a number of degrees."), text=text)
            else:
                self._missing(column)
            return 0.0

    def on_earth(self, longitude: float, latitude: float, radius_m: int) -> None:
        """Check that a position in degrees can be a place of that radius in metres."""
        try:
            check_position(longitude, latitude)
            if abs(longitude) > _NEAR_EDGE:
                widen_point(longitude, latitude, 2 * radius_m)
        except GeometryError as error:
            self.fail("lat" if abs(latitude) > MAX_LATITUDE else "lon", error.template, **error.values)

    def country(self, atlas: Atlas) -> str | None:
        """Return the stated country, if any."""
        country = self._line.cells.get("country") or None
        if country is not None and country not in atlas.countries:
            self.fail("country", N_("%(text)s is not the two-letter code of a country."), text=country)
            return None
        return country

    def region(self, atlas: Atlas, country: str | None) -> str | None:
        """Return the stated region, if any; a border crossing must state one."""
        code = self._line.cells.get("iso3166_2") or None
        if code is None:
            if self._line.cells.get("kind") == BORDER_CROSSING:
                self.fail(
                    "iso3166_2", N_("a border crossing must state its region: the point cannot tell the side.")
                )
            return None
        if not atlas.drawn_codes(code):
            self.fail(
                "iso3166_2",
                N_("%(region)s is not a region that can be drawn. Leave it empty to find it by point."),
                region=code,
            )
        elif country and not code.startswith(country):
            self.fail("iso3166_2", N_("%(region)s is not in %(country)s."), region=code, country=country)
        return code

    def inside(self, atlas: Atlas, country: str, longitude: float, latitude: float) -> None:
        """Check that a position in degrees does not contradict the stated country."""
        west, south, east, north = atlas.box_of(country)
        near_east = west - _BOX_MARGIN <= longitude <= east + _BOX_MARGIN
        if not (near_east and south - _BOX_MARGIN <= latitude <= north + _BOX_MARGIN):
            self.fail(
                "lat", N_("the point lies far outside %(country)s. Are lat and lon swapped?"), country=country
            )

    def _missing(self, column: str) -> None:
        self.fail(column, N_("the %(column)s is missing."), column=column)
