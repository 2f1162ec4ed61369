"""An approval binds the places and routes of a campaign's rule, where its people are looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from campaigns.audience.rules import AudienceRule
from campaigns.core.errors import ApprovalError, AudienceRuleError
from campaigns.core.words import N_
from campaigns.messages.text.placeholders import asks_for
from campaigns.places.models import Place, PlaceAuthor, Route, Waypoint
from campaigns.planning.campaign_content import FrozenRun, digest_of
from campaigns.planning.models import Run
from campaigns.staff.queries import owned

#: The placeholder that tells people the name of the place where they are.
NAMES_A_PLACE = "place"
MOVED = N_(
    "A place or route of its audience is another one since this run was approved."
    " See where it is now, then let the run go on or stop it."
)


def load_cover(
    session: Session, rule: Mapping[str, Any], organisation_id: int, *, names: bool, hold: bool = False
) -> dict[str, str]:
    """Return what each place and route of a stored rule covers, as a digest by "place 7" or "route 3".

    A route covers its corridor and, in their order, its stops. With `names` what they are called counts too, for
    texts that say it. One that is gone covers ''; a rule that nobody can read names none. With `hold` nobody
    changes them until the transaction ends.
    """
    meant = _read(rule)
    if meant is None or not (meant.place_ids or meant.route_parts):
        return {}
    members: dict[str, list[int]] = {f"place {place_id}": [place_id] for place_id in sorted(meant.place_ids)}
    members |= _places_of_routes(session, meant, organisation_id)
    wanted = {place_id for place_ids in members.values() for place_id in place_ids}
    rows = owned(select(Place.id, Place.cover_digest, Place.name), Place, organisation_id)
    # In one order, so that two who hold them never wait for each other crosswise.
    rows = rows.where(Place.id.in_(wanted)).order_by(Place.id)
    found = {
        place_id: [digest, *([name] if names else [])]
        for place_id, digest, name in session.execute(rows.with_for_update(read=True) if hold else rows)
    }
    covers = {key: [found[each] for each in ids if each in found] for key, ids in members.items()}
    return {key: digest_of({"places": parts}) if parts else "" for key, parts in covers.items()}


def say_place(texts: Mapping[str, str], wordings: Mapping[str, Mapping[str, str]]) -> bool:
    """Say whether any of a campaign's words tell people the name of the place where they are."""
    own = (text for words in wordings.values() for text in words.values())
    return any(asks_for(text, NAMES_A_PLACE) for text in (*texts.values(), *own))


def select_authors(rule: Mapping[str, Any], organisation_id: int) -> Select[int]:
    """Select the ids of members who gave a place of a stored rule, or of its routes, the shape or name it has."""
    meant = _read(rule) or AudienceRule()
    routes = _route_ids(meant)
    corridors = owned(select(Route.corridor_id).where(Route.id.in_(routes)), Route, organisation_id)
    stops = owned(select(Waypoint.place_id).join(Route).where(Route.id.in_(routes)), Route, organisation_id)
    places = owned(select(Place.id).where(Place.id.in_(meant.place_ids)), Place, organisation_id)
    used = union(places, corridors, stops).subquery("used")
    return select(PlaceAuthor.member_id).where(PlaceAuthor.place_id.in_(select(used.c[0]))).distinct()


def check_cover(session: Session, run: Run, frozen: FrozenRun) -> None:
    """Raise ApprovalError when people are looked for elsewhere than was approved; nobody moves a place meanwhile.

    A correction finds its people by the messages that they got.
    """
    if not frozen.cover or run.corrects_id is not None:
        return
    if _cover_now(session, run, frozen, hold=True) != frozen.cover:
        raise ApprovalError(MOVED)


def accept_cover(session: Session, run: Run) -> None:
    """Let a run look for people where its places are now: two members have seen that they are others."""
    cover = _cover_now(session, run, FrozenRun.from_json(run.frozen))
    run.frozen = run.frozen | {"cover": cover}


def _places_of_routes(session: Session, meant: AudienceRule, organisation_id: int) -> dict[str, list[int]]:
    """Return the ids of the corridor and the stops of each route that is meant, by "route 3"."""
    route_ids = _route_ids(meant)
    found: dict[int, list[int]] = {route_id: [] for route_id in route_ids}
    if found:
        ours = owned(select(Route.id, Route.corridor_id, Waypoint.place_id), Route, organisation_id)
        stops = ours.join(Waypoint, Waypoint.route_id == Route.id).where(Route.id.in_(route_ids))
        for route_id, corridor_id, place_id in session.execute(stops.order_by(Route.id, Waypoint.position)):
            found[route_id] = [*(found[route_id] or [corridor_id]), place_id]
    return {f"route {route_id}": place_ids for route_id, place_ids in found.items()}


def _route_ids(meant: AudienceRule) -> Iterable[int]:
    return sorted({part.route_id for part in meant.route_parts})


def _read(rule: Mapping[str, Any]) -> AudienceRule | None:
    try:
        return AudienceRule.from_json(rule)
    except AudienceRuleError:
        # Nobody is written to by it, and a gate says so.
        return None


def _cover_now(session: Session, run: Run, frozen: FrozenRun, *, hold: bool = False) -> dict[str, str]:
    named = say_place(frozen.texts, frozen.wordings)
    return load_cover(session, frozen.rule, run.organisation_id, names=named, hold=hold)
