"""The forms of places ask for a centre and radius or an outline, the stops of a route, or a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from werkzeug.datastructures import MultiDict
from wtforms import DateField, Field, RadioField, SelectField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError
from wtforms.widgets import TextInput

from campaigns.core.errors import GeometryError, InputError
from campaigns.core.words import N_
from campaigns.places.drafts import DEFAULT_HALF_WIDTH_M, PlaceDraft, RouteDraft, Shape, circle, outline
from campaigns.places.files.geojson import read_pasted
from campaigns.places.files.sheets import DEFAULT_RADIUS_M
from campaigns.places.geography.region_words import read_region, write_region
from campaigns.places.geography.shapes import MAX_RADIUS_M, MIN_RADIUS_M
from campaigns.places.labels import (
    CATEGORIES,
    CERTAINTIES,
    KINDS,
    MODES,
    RISK_TAGS,
    certainty_name,
    grouped,
    name_of,
    programme_of,
    stored_programme,
)
from campaigns.places.models import Place, PlaceKind, Route
from campaigns.places.queries import PlaceChoice
from campaigns.web.filters import country_name
from campaigns.web.forms import Form, LongSelect, Ticks, options

CIRCLE, OUTLINE = "circle", "outline"
LATIN = {"dir": "ltr", "autocomplete": "off", "spellcheck": "false"}
_DECIMAL = LATIN | {"inputmode": "decimal"}


class NumberField(Field):
    """A number with a decimal point or comma, in any script's digits; wrong text stays as it was typed."""

    widget = TextInput()
    data: float | None

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed."""
        self._typed = str(valuelist[0]).strip() if valuelist else ""
        self.data = None
        if self._typed:
            try:
                self.data = float(self._typed.replace(",", ".").replace("٫", "."))
            except ValueError:
                raise ValueError(_("This is not a number.")) from None

    def _value(self) -> str:
        if hasattr(self, "_typed"):
            return self._typed
        return "" if self.data is None else f"{self.data:.6f}".rstrip("0").rstrip(".")


def check_storable(form: Form, field: Field) -> None:
    """Refuse a character that no database stores."""
    if "\0" in (field.data or ""):
        raise ValidationError(_("This text holds a character that cannot be stored."))


class PlaceForm(Form):
    """A hotspot or stop."""

    name = StringField(_l("Name"), [DataRequired(), Length(max=200), check_storable])
    local_name = StringField(
        _l("Local name"),
        [Length(max=200), check_storable],
        description=_l("As people on the move know it, in its own script."),
    )
    kind = RadioField(_l("What it is"), choices=options(KINDS.items()), default=PlaceKind.HOTSPOT)
    category = SelectField(_l("Category"))
    shape = RadioField(
        _l("Shape"),
        choices=options([(CIRCLE, _l("Circle: a centre and a radius")), (OUTLINE, _l("Outline: any area"))]),
        default=CIRCLE,
        description=_l("Draw it on the map, or enter it here."),
    )
    latitude = NumberField(_l("Latitude"), render_kw=_DECIMAL)
    longitude = NumberField(_l("Longitude"), render_kw=_DECIMAL)
    radius_km = NumberField(
        _l("Radius in km"),
        [Optional(), NumberRange(MIN_RADIUS_M / 1000, MAX_RADIUS_M / 1000, _l("From 0.05 to 100 km."))],
        default=DEFAULT_RADIUS_M / 1000,
        render_kw=_DECIMAL,
    )
    outline = TextAreaField(
        _l("Outline as GeoJSON"),
        [Length(max=200_000)],
        description=_l("A Polygon, longitude first. Drawing on the map fills this in."),
        render_kw=LATIN | {"rows": 4},
    )
    region_code = StringField(
        _l("Region"),
        [Length(max=80), check_storable],
        description=_l(
            "Its name in any language, or its code, such as PL-18. Left empty, it is found by the map. A border "
            "crossing must state it."
        ),
    )
    risk_tags = Ticks(_l("Patterns of risk"), choices=options(RISK_TAGS.items()))
    certainty = SelectField(_l("How sure we are"))
    valid_until = DateField(
        _l("Valid until"), [Optional()], description=_l("After this day it should be looked at again.")
    )
    note = TextAreaField(
        _l("Note"),
        [Length(max=2_000), check_storable],
        description=_l("About the place. Never about a person."),
        render_kw={"rows": 3},
    )

    def __init__(
        self, place: Place | None = None, *, given: Mapping[str, object] | None = None, **options: Any
    ) -> None:
        super().__init__(data=(_place_data(place) if place else {}) | dict(given or {}), **options)
        self._place = place
        # Each is asked for with its shape; which shape that is, the page shows by hiding the other's fields.
        for field in (self.latitude, self.longitude, self.radius_km, self.outline):
            field.flags.required = True
        self.category.choices = _with_known(CATEGORIES, place.category if place else None)
        self.certainty.choices = _with_known(CERTAINTIES, place.certainty if place else None)

    def validate(self, extra_validators: Any = None) -> bool:
        """Check the fields, then the shape that they make together."""
        valid = bool(super().validate(extra_validators))
        try:
            self._region_code = read_region(self.text("region_code"))
        except InputError as error:
            self.show(error, "region_code")
            return False
        try:
            self._shape = self._read_shape()
        except GeometryError as error:
            if not any(field.errors for field in (self.latitude, self.longitude, self.radius_km)):
                self.show_beside(error)
            return False
        return valid

    def show_beside(self, error: InputError) -> None:
        """Put an error beside what it is about: the shape or, when it is no GeometryError, the region."""
        shape = "outline" if self.shape.data == OUTLINE else "latitude"
        self.show(error, shape if isinstance(error, GeometryError) else "region_code")

    def draft(self) -> PlaceDraft:
        """Return what was entered, once it is valid."""
        return PlaceDraft(
            kind=PlaceKind(self.kind.data),
            name=self.text("name").strip(),
            shape=self._shape,
            local_name=self.text("local_name").strip() or None,
            category=self.text("category") or None,
            region_code=self._region_code,
            risk_tags=tuple(self.risk_tags.data or ()),
            note=self.text("note").strip() or None,
            source=self._place.source if self._place else None,
            certainty=self.text("certainty") or None,
            valid_until=self.valid_until.data,
        )

    def _read_shape(self) -> Shape:
        if self.shape.data == OUTLINE:
            return outline(read_pasted(self.text("outline")))
        latitude, longitude, radius_km = self.latitude.data, self.longitude.data, self.radius_km.data
        if latitude is None or longitude is None or radius_km is None:
            raise GeometryError(N_("Enter latitude, longitude and radius, or draw the place on the map."))
        return circle(longitude, latitude, radius_km * 1000)


def given_in(address: MultiDict[str, str]) -> dict[str, object]:
    """Return what a search result puts into the form of a place, given by the address of the page."""
    given: dict[str, object] = {"name": address.get("name", "")[:200]} if "name" in address else {}
    latitude, longitude = (address.get(name, type=float) for name in ("latitude", "longitude"))
    if latitude is not None and longitude is not None:
        given |= {"shape": CIRCLE, "latitude": latitude, "longitude": longitude}
    return given


def as_saved(place: Place) -> tuple[PlaceForm, dict[str, str]]:
    """Return the form that shows what is saved of a place, and the code of the region that it shows in words."""
    return PlaceForm(place, formdata=None), {"region_code": place.extra.get("iso3166_2", "")}


class WaypointsField(Field):
    """The ids of a route's stops in the order of travel, as repeated hidden inputs."""

    data: list[int]

    def process_data(self, value: Sequence[int] | None) -> None:
        self.data = list(value or ())

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = [int(value) for value in valuelist if _is_id(str(value))]


class RouteForm(Form):
    """A route by its stops in order."""

    name = StringField(_l("Name"), [DataRequired(), Length(max=200), check_storable])
    mode = SelectField(
        _l("How people travel"),
        [InputRequired()],
        description=_l("A flight has no strip along it: only its waypoints are reached."),
    )
    width_km = NumberField(
        _l("Width on each side, in km"),
        [
            InputRequired(),
            NumberRange(MIN_RADIUS_M / 1000, MAX_RADIUS_M / 1000, _l("From 0.05 to 100 km.")),
        ],
        default=DEFAULT_HALF_WIDTH_M / 1000,
        description=_l("How far from the straight line between two waypoints people still count as on the route."),
        render_kw=_DECIMAL,
    )
    programme = StringField(
        _l("Programme"),
        [Length(max=60), check_storable],
        description=_l(
            "Your own word for what the route belongs to, such as a donor’s programme. Routes are listed by it."
        ),
        render_kw={"list": "programmes", "dir": "auto", "autocomplete": "off"},
    )
    certainty = SelectField(_l("How sure we are"))
    stops = WaypointsField(_l("Waypoints"))
    addition = LongSelect(_l("Add a waypoint"), validate_choice=False)

    def __init__(self, places: Sequence[PlaceChoice], route: Route | None = None) -> None:
        """Take the ids of places with their names and countries, and the route that is changed or copied."""
        super().__init__(data=_route_data(route) if route else None)
        self.mode.choices = _with_known(MODES, route.mode if route else None, empty=False)
        self.certainty.choices = _with_known(CERTAINTIES, route.certainty if route else None)
        self.has_places = bool(places)
        by_country, none = _by_country(places), ("", _("Choose a place"))
        self.addition.choices = options([none, *chain.from_iterable(by_country.values())])
        if not self.addition.is_cut:
            self.addition.choices = {"": [none]} | by_country

    def rearrange(self, act: str) -> bool:
        """Carry out a button of the list of stops ("add", "up:1" …); say whether `act` was one."""
        verb, _colon, text = act.partition(":")
        position = int(text) if _is_id(text) else -1
        stops = self.stops.data
        if verb == "add":
            if _is_id(str(self.addition.data or "")):
                stops.append(int(self.addition.data))
            return True
        if not 0 <= position < len(stops):
            return False
        if verb == "remove":
            del stops[position]
            return True
        other = position + {"up": -1, "down": 1}.get(verb, 0)
        if 0 <= other < len(stops):
            stops[position], stops[other] = stops[other], stops[position]
        return verb in ("up", "down")

    def draft(self) -> RouteDraft:
        """Return what was entered, once it is valid."""
        return RouteDraft(
            name=self.text("name").strip(),
            mode=self.text("mode"),
            stop_ids=tuple(self.stops.data),
            half_width_m=round((self.width_km.data or 0) * 1000),
            programme=stored_programme(self.text("programme")),
            certainty=self.text("certainty") or None,
        )


class ImportForm(Form):
    """A file of places or routes."""

    file = FileField(
        _l("File"),
        [FileRequired(_l("Choose a file."))],
        description=_l("CSV of places or of routes, or GeoJSON of hotspots."),
        render_kw={"accept": ".csv,.txt,.tsv,.json,.geojson"},
    )


def _with_known(names: dict[str, Any], value: str | None, *, empty: bool = True) -> list[Any]:
    """Choices of a vocabulary, with the present value even when it is none of its words."""
    known = [*([("", _l("Not said"))] if empty else []), *names.items()]
    if value and value not in names:
        known.append((value, certainty_name(value) if names is CERTAINTIES else name_of(names, value)))
    return options(known)


def _is_id(text: str) -> bool:
    """Say whether a text writes a number that a row can have."""
    return text.isdecimal() and len(text) < 19


def _by_country(places: Sequence[PlaceChoice]) -> dict[str, list[tuple[str, str]]]:
    names = {code: country_name(code) for _id, _name, code in places if code}
    return {
        country or _("Without a region"): [(str(place_id), name) for place_id, name, _code in group]
        for country, group in grouped(places, lambda place: names.get(place[2] or "", ""))
    }


def _place_data(place: Place) -> dict[str, Any]:
    shared = {
        name: getattr(place, name)
        for name in ("name", "local_name", "kind", "category", "risk_tags", "certainty", "valid_until", "note")
    }
    shared["region_code"] = write_region(place.extra.get("iso3166_2", ""), str(get_locale() or ""))
    if place.radius_m is None:
        return shared | {"shape": OUTLINE, "outline": json.dumps(place.geometry)}
    longitude, latitude = place.geometry["coordinates"]
    return shared | {
        "shape": CIRCLE,
        "latitude": latitude,
        "longitude": longitude,
        "radius_km": place.radius_m / 1000,
    }


def _route_data(route: Route) -> dict[str, Any]:
    return {
        "name": route.name,
        "mode": route.mode,
        "width_km": route.width_m / 1000,
        "programme": programme_of(route),
        "certainty": route.certainty,
        "stops": [stop.place_id for stop in route.stops],
    }
