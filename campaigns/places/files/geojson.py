"""Hotspots go in and out as GeoJSON (RFC 7946); a circle is a Point whose property is its radius in metres."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from campaigns.core.errors import FileFormatError, GeometryError, InputError, RowProblem, RowsError
from campaigns.core.words import N_
from campaigns.places.drafts import PlaceDraft, Shape, circle, outline
from campaigns.places.files.row_checks import KEY
from campaigns.places.files.sheets import DEFAULT_RADIUS_M
from campaigns.places.geography.shapes import NOT_GEOJSON, is_position
from campaigns.places.models import Place, PlaceKind

MAX_FEATURES = 1_000

#: JSON can name halves of characters and NUL, which no database stores.
_WRITABLE = re.compile("[^\0\ud800-\udfff]*")


def read_pasted(text: str) -> Any:
    """Return the one geometry in a pasted text: bare, in a Feature, or in a collection of one.

    Raises GeometryError for anything else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise GeometryError(NOT_GEOJSON) from None
    if isinstance(value, dict) and isinstance(value.get("features"), list):
        if len(value["features"]) != 1:
            raise GeometryError(N_("Paste one outline at a time; a file with several can be imported as a whole."))
        value = value["features"][0]
    return value.get("geometry") if isinstance(value, dict) and value.get("type") == "Feature" else value


def write_hotspots(places: Iterable[Place]) -> str:
    """Return places as a GeoJSON FeatureCollection, in the order given."""
    features = [
        {
            "type": "Feature",
            "id": place.key,
            "geometry": place.geometry,
            "properties": {
                "name": place.name,
                "kind": place.kind,
                "radius_m": place.radius_m,
                "local_name": place.local_name,
                "category": place.category,
                "iso3166_2": place.extra.get("iso3166_2"),
                "risk_tags": place.risk_tags,
                "note": place.note,
                "source": place.source,
                "certainty": place.certainty,
                "valid_until": place.valid_until.isoformat() if place.valid_until else None,
            },
        }
        for place in places
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1) + "\n"


def read_hotspots(text: str) -> list[tuple[str | None, PlaceDraft]]:
    """Return the id and draft of each feature. Raises FileFormatError or RowsError; nothing is half read.

    Features are counted like lines, from 1.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(N_("The file is not valid JSON: %(fault)s."), fault=str(error)) from None
    features = value.get("features") if isinstance(value, dict) else None
    if not isinstance(features, list):
        raise FileFormatError(N_("The file is not a GeoJSON FeatureCollection."))
    if len(features) > MAX_FEATURES:
        raise FileFormatError(
            N_("The file has more than %(limit)s places. Split it and send the parts."), limit=f"{MAX_FEATURES:,}"
        )
    drafts, problems, seen = [], [], set()
    for number, feature in enumerate(features, start=1):
        try:
            key, draft = _draft(feature)
            if key in seen:
                raise InputError(N_("The id %(id)s was given before."), id=key)
            seen |= {key} - {None}
            drafts.append((key, draft))
        except InputError as error:
            problems.append(RowProblem(number, "", error.template, error.values))
    if problems:
        raise RowsError(problems)
    return drafts


def _draft(feature: Any) -> tuple[str | None, PlaceDraft]:
    if not isinstance(feature, dict):
        raise GeometryError(N_("This is not a GeoJSON Feature."))
    properties = feature.get("properties")
    said: dict[str, Any] = properties if isinstance(properties, dict) else {}
    # My Maps and ogr2ogr write it with a capital.
    name = _text(said, "name", 200) or _text(said, "Name", 200)
    if not name or not name.strip():
        raise InputError(N_("The name is missing."))
    key = feature.get("id")
    draft = PlaceDraft(
        kind=PlaceKind.STOP if said.get("kind") == PlaceKind.STOP else PlaceKind.HOTSPOT,
        name=name,
        shape=_shape(feature.get("geometry"), said.get("radius_m")),
        local_name=_text(said, "local_name", 200),
        category=_text(said, "category", 60),
        region_code=_text(said, "iso3166_2", 10),
        risk_tags=_tags(said.get("risk_tags")),
        note=_text(said, "note", 2_000),
        source=_text(said, "source", 200),
        certainty=_text(said, "certainty", 60),
        valid_until=_date(_text(said, "valid_until", 10)),
    )
    return (_key(key) if isinstance(key, str | int) else None), draft


def _shape(geometry: Any, radius_m: Any) -> Shape:
    if geometry is None:
        raise GeometryError(N_("It has no shape on the map: draw one, or leave it out."))
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return outline(geometry)
    point: Any = geometry.get("coordinates")
    if not is_position(point) or isinstance(radius_m, bool) or not isinstance(radius_m, int | float | None):
        raise GeometryError(N_("A point needs longitude, latitude and, as a property, radius_m in metres."))
    return circle(float(point[0]), float(point[1]), radius_m or DEFAULT_RADIUS_M)


def _key(value: str | int) -> str | None:
    key = _text({"id": str(value)}, "id", 70)
    if key and not KEY.fullmatch(key):
        raise InputError(N_("An id is one word of at most 70 characters, without > and /."))
    return key


def _text(said: dict[str, Any], name: str, limit: int) -> str | None:
    value = said.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > limit or not _WRITABLE.fullmatch(value):
        raise InputError(N_("%(name)s must be a text of at most %(limit)s characters."), name=name, limit=limit)
    return value


def _tags(value: Any) -> tuple[str, ...]:
    """Return the words of a list that can be stored; of anything else none."""
    words = value if isinstance(value, list) else ()
    return tuple(word for word in words if isinstance(word, str) and _WRITABLE.fullmatch(word))


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise InputError(N_("%(text)s is not a date like 2026-03-31."), text=text) from None
