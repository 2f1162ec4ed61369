"""The list of hotspots, routes and stops: a page of each by name, or those in whose names something stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from campaigns.core.folding import has_words
from campaigns.places.models import Place, PlaceKind, Route
from campaigns.places.queries import (
    count_places,
    count_routes,
    named_places,
    named_routes,
    select_places,
    select_routes,
)
from campaigns.web.keyed_pages import WAYS, KeyedPage, asked_names

#: How many characters of a name are looked for.
_LONGEST = 100
#: As many as one looks through while the map is beside them.
PER_PAGE = 150


@dataclass(frozen=True, slots=True)
class Listed:
    """One of the three lists, with the word by which an address names it."""

    words: str
    page: KeyedPage
    #: How many there are in all, found or not.
    count: int


@dataclass(frozen=True, slots=True)
class Lists:
    """What the page shows of an organisation's places."""

    hotspots: Listed
    routes: Listed
    stops: Listed
    #: What is looked for, or "".
    find: str

    @property
    def is_whole(self) -> bool:
        """Whether everything there is stands on the page."""
        return not self.find and all(each.page.is_whole for each in (self.hotspots, self.routes, self.stops))

    def beside(self, one: Listed) -> dict[str, str]:
        """Return what the address says beside where one of the lists stands: the name, and where the others do."""
        others = {each.words for each in (self.hotspots, self.routes, self.stops)} - {one.words}
        names = ["find", *(f"{words}_{way}" for words in sorted(others) for way in WAYS)]
        return {name: request.args[name] for name in names if name in request.args}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all."""
        return not (self.hotspots.count or self.routes.count or self.stops.count)


def lists_asked_for(session: Session, organisation_id: int) -> Lists:
    """Return the pages that the address of the request asks for."""
    find = request.args.get("find", "").strip()[:_LONGEST]
    hotspots, stops = (
        _places(session, organisation_id, kind, find) for kind in (PlaceKind.HOTSPOT, PlaceKind.STOP)
    )
    routes = select_routes(organisation_id)
    if find:
        names = named_routes(session, organisation_id)
        routes = routes.where(Route.id.in_([each for each, name in names if has_words(name, find)]))
    page = asked_names(session, routes, Route.name, Route.id, words="routes", per_page=PER_PAGE)
    return Lists(hotspots, Listed("routes", page, count_routes(session, organisation_id)), stops, find)


def where_listed(session: Session, saved: Place | Route) -> dict[str, Any]:
    """Return what the address of the list says so that it shows a place or route, if it does not show all."""
    if isinstance(saved, Place):
        words, count = f"{saved.kind}s", count_places(session, saved.organisation_id, saved.kind)
    else:
        words, count = "routes", count_routes(session, saved.organisation_id)
    return {f"{words}_from": saved.id} if count > PER_PAGE else {}


def _places(session: Session, organisation_id: int, kind: PlaceKind, find: str) -> Listed:
    statement, words = select_places(organisation_id, kind), f"{kind}s"
    if find:
        names = named_places(session, organisation_id, kind)
        statement = statement.where(Place.id.in_([each for each, name in names if has_words(name, find)]))
    page = asked_names(session, statement, Place.name, Place.id, words=words, per_page=PER_PAGE)
    return Listed(words, page, count_places(session, organisation_id, kind))
