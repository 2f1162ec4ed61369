"""The map of the console draws what comes from here: the land, places and routes over it, and names of towns."""

from __future__ import annotations

import gzip
import math

from flask import Blueprint, Response, jsonify, make_response, request
from flask_babel import get_locale
from werkzeug.wrappers import Response as Answer

from campaigns.core.errors import NotFoundError
from campaigns.core.words import N_
from campaigns.places.geography.outlines import draw_outlines
from campaigns.places.maps import collect, place_feature, route_features
from campaigns.places.place_names.map_towns import Frame, towns_in
from campaigns.places.queries import select_places, select_routes
from campaigns.staff.auth import current_organisation, requires
from campaigns.staff.permissions import Permission
from campaigns.web.session import session

pages = Blueprint("map", __name__)
#: Land and towns are the same for everybody, and change with the program only.
_KEPT = "private, max-age=604800"


@pages.get("/map.json")
@requires(Permission.READ_CONTENT)
def features() -> Response:
    """Answer everything that the map draws over the land."""
    organisation_id = current_organisation().id
    drawn = [place_feature(place) for place in session().scalars(select_places(organisation_id))]
    for route in session().scalars(select_routes(organisation_id)):
        drawn += route_features(route)
    return make_response(collect(drawn))


@pages.get("/outlines.geojson")
@requires(Permission.READ_CONTENT)
def outlines() -> Answer:
    """Answer the land: regions of the asked countries, their neighbours coarsely. The same for everybody."""
    countries = tuple(sorted(set(request.args.get("countries", "")[:1000].split(",")) - {""}))
    land = draw_outlines(countries, str(get_locale()))
    packed = request.accept_encodings.best_match(["gzip"]) is not None
    answer = make_response(land.packed if packed else gzip.decompress(land.packed))
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    answer.headers["Cache-Control"] = _KEPT
    answer.content_type = "application/geo+json"
    answer.set_etag(land.tag)
    return answer.make_conditional(request)


@pages.get("/towns.json")
@requires(Permission.READ_CONTENT)
def towns() -> Response:
    """Answer the largest towns in a frame (`frame`: west, south, east, north in degrees), the largest first."""
    found = towns_in(_asked_frame(), str(get_locale()))
    answer = jsonify([[town.name, town.longitude, town.latitude] for town in found])
    answer.headers["Cache-Control"] = _KEPT
    return answer


def _asked_frame() -> Frame:
    try:
        west, south, east, north = (round(float(each), 2) for each in request.args.get("frame", "").split(","))
    except (ValueError, OverflowError):
        raise NotFoundError(N_("This part of the map does not exist.")) from None
    if not all(map(math.isfinite, (west, south, east, north))):
        raise NotFoundError(N_("This part of the map does not exist."))
    return Frame(west, south, east, north)
