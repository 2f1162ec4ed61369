"""A change of a place or route in use is held back until a second member agrees (proposed.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.places.drafts import PlaceDraft, RouteDraft, Shape, stored_shape
from campaigns.places.geography.cells import locate
from campaigns.places.geography.cover import AIRPORT
from campaigns.places.geography.shapes import anchor_of
from campaigns.places.models import Place, Route, Waypoint

#: What decides whom a campaign reaches by a place or route, and what it tells them, as a proposal keeps it.
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Used:
    """Places and routes of campaigns that are submitted, approved or being sent, and places of ways to join."""

    place_ids: frozenset[int] = frozenset()
    route_ids: frozenset[int] = frozenset()


#: Says what of an organisation is in use; campaigns belong to a later step.
FindUsed = Callable[[Session, int], Used]


@dataclass
class Guard:
    """Knows what is in use, and keeps what would change it instead of letting it be done."""

    #: In use themselves, or stops of a route in use.
    place_ids: frozenset[int] = frozenset()
    route_ids: frozenset[int] = frozenset()
    #: What was held back, each with what it is to be.
    places: list[tuple[Place, Facts]] = field(default_factory=list)
    routes: list[tuple[Route, Facts]] = field(default_factory=list)

    @classmethod
    def of(cls, session: Session, used: Used) -> Guard:
        """Return a guard of what is in use."""
        stops = select(Waypoint.place_id).where(Waypoint.route_id.in_(used.route_ids))
        return cls(used.place_ids | frozenset(session.scalars(stops)), used.route_ids)

    @property
    def count(self) -> int:
        """How many changes were held back."""
        return len(self.places) + len(self.routes)

    def hold_place(self, place: Place, draft: PlaceDraft) -> bool:
        """Say whether a draft would change a place in use, or a route in use that stops there; then keep it."""
        after = facts_of_draft(draft)
        if place.id not in self.place_ids or not _differ(facts_of_place(place), after):
            return False
        self.places.append((place, after))
        return True

    def hold_route(self, route: Route, draft: RouteDraft, stops: Sequence[Place]) -> bool:
        """Say whether a draft would change a route in use; then keep it."""
        after = facts_of_route_draft(draft, stops)
        if route.id not in self.route_ids or facts_of_route(route) == after:
            return False
        self.routes.append((route, after))
        return True


def facts_of_place(place: Place) -> dict[str, Any]:
    """Return the facts of a stored hotspot or stop."""
    return facts_of_draft(draft_of_place(place))


def facts_of_draft(draft: PlaceDraft) -> dict[str, Any]:
    """Return the facts of a draft."""
    return {
        "name": draft.name,
        "geometry": draft.shape.geometry,
        "radius_m": draft.shape.radius_m,
        "category": draft.category,
        "region_code": draft.region_code,
    }


def facts_of_route(route: Route) -> dict[str, Any]:
    """Return the facts of a stored route."""
    return _route_facts(route.name, route.mode, route.width_m, [stop.place for stop in route.stops])


def facts_of_route_draft(draft: RouteDraft, stops: Sequence[Place]) -> dict[str, Any]:
    """Return the facts of a draft whose stops are these places."""
    return _route_facts(draft.name, draft.mode, draft.half_width_m, stops)


def draft_of_place(place: Place) -> PlaceDraft:
    """Return a stored hotspot or stop as the draft that would change nothing of it. Raises GeometryError."""
    return PlaceDraft(
        kind=place.kind,
        name=place.name,
        shape=stored_shape(place.geometry, place.radius_m),
        local_name=place.local_name,
        category=place.category,
        region_code=place.extra.get("iso3166_2"),
        risk_tags=tuple(place.risk_tags),
        note=place.note,
        source=place.source,
        certainty=place.certainty,
        valid_until=place.valid_until,
    )


def draft_of_route(route: Route) -> RouteDraft:
    """Return a stored route as the draft that would change nothing of it."""
    return RouteDraft(
        name=route.name,
        mode=route.mode,
        stop_ids=tuple(stop.place_id for stop in route.stops),
        half_width_m=route.width_m,
        programme=route.programme,
        certainty=route.certainty,
    )


def with_facts(draft: PlaceDraft, facts: Facts) -> PlaceDraft:
    """Return a draft of a place that says these facts."""
    shape = Shape(facts["geometry"], facts["radius_m"])
    return replace(
        draft,
        name=facts["name"],
        shape=shape,
        category=facts["category"],
        region_code=facts["region_code"],
    )


def with_route_facts(draft: RouteDraft, facts: Facts) -> RouteDraft:
    """Return a draft of a route that says these facts."""
    stop_ids = tuple(stop_id for stop_id, *_where in facts["stops"])
    return replace(
        draft, name=facts["name"], mode=facts["mode"], half_width_m=facts["half_width_m"], stop_ids=stop_ids
    )


def _route_facts(name: str, mode: str, half_width_m: int, stops: Sequence[Place]) -> dict[str, Any]:
    # With where each stop is, so that whoever agrees to a line does not find its ends elsewhere.
    ends = [[place.id, *anchor_of(place.geometry), place.category == AIRPORT] for place in stops]
    return {"name": name, "mode": mode, "half_width_m": half_width_m, "stops": ends}


def _differ(before: Facts, after: Facts) -> bool:
    """Say whether others would be reached, or told something else; most categories change neither.

    A region does: whoever joins at the place, or whom a file takes to be there, is in the region that it states.
    """
    if any(before[name] != after[name] for name in ("name", "geometry", "radius_m")):
        return True
    if before["region_code"] != after["region_code"] and region_of(before) != region_of(after):
        return True
    return (before["category"] == AIRPORT) is not (after["category"] == AIRPORT)


def region_of(facts: Facts) -> str:
    """Return the code of the region that a place states, else of the one in which its centre lies."""
    if facts.get("region_code"):
        return str(facts["region_code"])
    found = locate(*anchor_of(facts["geometry"]))
    return found.region_code or found.country or ""
