"""Two shapes of a place or route in use are compared, so that a member can judge which of them is right."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy.orm import Session

from campaigns.core.errors import FingerpostError
from campaigns.core.words import N_
from campaigns.places.changes.guard import region_of
from campaigns.places.drafts import Shape
from campaigns.places.geography.cover import cover_corridor, flown_legs
from campaigns.places.geography.shapes import Position, anchor_of, area_of, metres_between
from campaigns.places.maps import Feature, corridor_of, drawn_shape
from campaigns.places.queries import places_by_id
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Line, Shown

#: The map draws stops in one colour and hotspots in another: what is and what is to be.
BEFORE, AFTER = "stop", "hotspot"


def show_place(session: Session, proposal: Proposal) -> Shown:
    """Say what a place is and what it is to be."""
    before, after = proposal.before, proposal.after
    moved = metres_between(anchor_of(before["geometry"]), anchor_of(after["geometry"])) / 1000
    lines = [
        _line(N_("Name"), before, after, lambda facts: str(facts["name"])),
        _line(N_("Shape"), before, after, _shape_words),
        _line(N_("Centre"), before, after, lambda facts: _where(anchor_of(facts["geometry"]))),
        _line(N_("Region"), before, after, region_of),
        Line(N_("Distance between the centres"), "", f"{moved:,.1f} km"),
        _line(N_("Area"), before, after, lambda facts: f"{_area_km2(facts):,.0f} km²"),
        _line(N_("Cells of the map"), before, after, lambda facts: f"{len(_shape(facts).cover()):,}"),
    ]
    if before["category"] != after["category"]:
        lines.append(_line(N_("Category"), before, after, lambda facts: str(facts["category"] or "")))
    return Shown(before["name"], lines, "places.compare.show", {"change_id": proposal.id})


def show_route(session: Session, proposal: Proposal) -> Shown:
    """Say what a route is and what it is to be."""
    before, after = proposal.before, proposal.after
    stop_ids = {stop_id for facts in (before, after) for stop_id, *_where in facts["stops"]}
    found = places_by_id(session, proposal.organisation_id, stop_ids)
    names = {place_id: place.name for place_id, place in found.items()}
    lines = [
        _line(N_("Name"), before, after, lambda facts: str(facts["name"])),
        _line(N_("Waypoints"), before, after, lambda facts: _stops(facts, names)),
        _line(N_("Means of travel"), before, after, lambda facts: str(facts["mode"])),
        _line(N_("Half of the width"), before, after, lambda facts: f"{facts['half_width_m'] / 1000:g} km"),
        _line(N_("Length"), before, after, lambda facts: f"{_length_km(facts):,.0f} km"),
        _line(N_("Cells of the map"), before, after, lambda facts: f"{_count_cells(facts):,}"),
    ]
    return Shown(before["name"], lines, "places.compare.show", {"change_id": proposal.id})


def audited(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the audit keeps: by which two shapes are told apart, and how large they are."""
    text = json.dumps(dict(facts), sort_keys=True, ensure_ascii=False)
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "km2": round(_area_km2(facts))}


def features_of(proposal: Proposal) -> list[Feature]:
    """Return both shapes for the map, what is to be above what is."""
    sides = ((BEFORE, proposal.before), (AFTER, proposal.after))
    return [
        drawn_shape(geometry, number=number, kind=kind, name=facts["name"], radius_m=radius_m)
        for number, (kind, facts) in enumerate(sides)
        for geometry, radius_m in [_drawn(facts)]
        if geometry is not None
    ]


def positions_of(proposal: Proposal) -> list[Position]:
    """Return where both shapes lie."""
    return [at for facts in (proposal.before, proposal.after) for at in _points(facts)]


def _line(label: str, before: Mapping[str, Any], after: Mapping[str, Any], say: Any) -> Line:
    return Line(label, *(_said(say, facts) for facts in (before, after)))


def _said(say: Any, facts: Mapping[str, Any]) -> str:
    try:
        return str(say(facts))
    except FingerpostError as error:
        return str(error)


def _shape(facts: Mapping[str, Any]) -> Shape:
    return Shape(facts["geometry"], facts["radius_m"])


def _shape_words(facts: Mapping[str, Any]) -> str:
    if facts["radius_m"] is not None:
        return f"○ {facts['radius_m'] / 1000:g} km"
    return f"⬠ {sum(len(ring) - 1 for ring in facts['geometry']['coordinates'])}"


def _where(at: Position) -> str:
    longitude, latitude = at
    return f"{latitude:.4f}, {longitude:.4f}"


def _area_km2(facts: Mapping[str, Any]) -> float:
    if "stops" in facts:
        return _length_km(facts) * 2 * float(facts["half_width_m"]) / 1000
    if facts["radius_m"] is not None:
        return math.pi * (float(facts["radius_m"]) / 1000) ** 2
    return area_of(facts["geometry"])


def _stops(facts: Mapping[str, Any], names: Mapping[int, str]) -> str:
    return " → ".join(names.get(stop_id, f"#{stop_id}") for stop_id, *_where in facts["stops"])


def _points(facts: Mapping[str, Any]) -> list[Position]:
    if "stops" not in facts:
        return [anchor_of(facts["geometry"])]
    return [(longitude, latitude) for _id, longitude, latitude, _airport in facts["stops"]]


def _legs(facts: Mapping[str, Any]) -> Sequence[tuple[Position, Position]]:
    """Return the legs of a route on the ground."""
    points = _points(facts)
    kinds = ["airport" if is_airport else None for *_where, is_airport in facts["stops"]]
    flown = flown_legs(facts["mode"], list(zip(kinds, points, strict=True)))
    return [leg for leg, is_flown in zip(pairwise(points), flown, strict=True) if not is_flown]


def _length_km(facts: Mapping[str, Any]) -> float:
    return sum(metres_between(*leg) for leg in pairwise(_points(facts))) / 1000


def _count_cells(facts: Mapping[str, Any]) -> int:
    return len(
        {cell for leg in _legs(facts) for cells in cover_corridor(leg, facts["half_width_m"]) for cell in cells}
    )


def _drawn(facts: Mapping[str, Any]) -> tuple[dict[str, Any] | None, int | None]:
    if "stops" in facts:
        return corridor_of(_legs(facts), facts["half_width_m"]), None
    return facts["geometry"], facts["radius_m"]
