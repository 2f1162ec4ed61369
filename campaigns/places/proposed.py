"""Two members change where people are looked for: shapes and names of the places and routes in use."""

from __future__ import annotations

from sqlalchemy.orm import Session

from campaigns.core.errors import InputError, RefusedError, TransitionError
from campaigns.core.words import N_
from campaigns.places import service
from campaigns.places.changes.comparison import audited, show_place, show_route
from campaigns.places.changes.guard import (
    Facts,
    FindUsed,
    Guard,
    draft_of_place,
    draft_of_route,
    facts_of_place,
    facts_of_route,
    facts_of_route_draft,
    with_facts,
    with_route_facts,
)
from campaigns.places.drafts import Imported, PlaceDraft, RouteDraft
from campaigns.places.files.incoming import Incoming
from campaigns.places.models import Place, PlaceKind, Route
from campaigns.places.place_rows import region_id_of
from campaigns.places.queries import places_by_id, region_ids
from campaigns.places.route_rows import cover_route, stops_in_order
from campaigns.proposals.holding import hold
from campaigns.proposals.models import Proposal
from campaigns.proposals.proposal_kinds import Kind
from campaigns.proposals.service import propose
from campaigns.staff.permissions import Permission

#: A file proposes at most this many changes: each is looked at and agreed to for itself.
MOST_OF_A_FILE = 50
IN_USE = N_(
    "%(place)s is in use: a campaign that names it is submitted, approved or being sent, or a way to join hangs "
    "there. Change it in the console, where a second member agrees."
)


def change_place(
    session: Session, place: Place, draft: PlaceDraft, *, by: int, find_used: FindUsed
) -> Proposal | None:
    """Save what a member changed on a hotspot or stop; return the proposal of what a second one has to agree to.

    The rest of the draft is saved at once. Raises InputError.
    """
    hold(session, place)
    guard = Guard.of(session, find_used(session, place.organisation_id))
    if not guard.hold_place(place, draft):
        service.update_place(session, place, draft, by=by)
        return None
    (proposal,) = _propose_all(session, guard, by=by)
    rest = with_facts(draft, facts_of_place(place))
    if rest != draft_of_place(place):
        service.update_place(session, place, rest, by=by)
    return proposal


def change_route(
    session: Session, route: Route, draft: RouteDraft, *, by: int, find_used: FindUsed
) -> Proposal | None:
    """Save what a member changed on a route; return the proposal of what a second one has to agree to.

    The rest of the draft is saved at once. Raises RouteError and GeometryError.
    """
    hold(session, route)
    session.expire(route, ["stops"])
    guard = Guard.of(session, find_used(session, route.organisation_id))
    stops = stops_in_order(draft.stop_ids, places_by_id(session, route.organisation_id, draft.stop_ids))
    cover_route(draft.mode, stops, draft.half_width_m)
    if not guard.hold_route(route, draft, stops):
        service.save_route(session, route.organisation_id, draft, by=by, route=route)
        return None
    (proposal,) = _propose_all(session, guard, by=by)
    rest = with_route_facts(draft, facts_of_route(route))
    if rest != draft_of_route(route):
        service.save_route(session, route.organisation_id, rest, by=by, route=route)
    return proposal


def import_incoming(
    session: Session,
    organisation_id: int,
    incoming: Incoming,
    *,
    by: int | None,
    find_used: FindUsed,
    source: str | None = None,
) -> Imported:
    """Import what was read in a file; a row that would change one in use is proposed, and else does nothing.

    Raises InputError, also for more of them than anybody looks through, and RefusedError for any where no member
    imports (`by` is None); a caller that rolls back has changed nothing.
    """
    guard = Guard.of(session, find_used(session, organisation_id))
    done = service.import_incoming(session, organisation_id, incoming, by=by, source=source, guard=guard)
    if guard.count > MOST_OF_A_FILE:
        raise InputError(
            N_(
                "This file would change %(count)s places and routes in use. Two members decide on each: "
                "bring at most %(limit)s at once."
            ),
            count=guard.count,
            limit=MOST_OF_A_FILE,
        )
    if guard.count and by is None:
        first = guard.places[0][0].name if guard.places else guard.routes[0][0].name
        raise RefusedError(IN_USE, place=first)
    if by is not None:
        _propose_all(session, guard, by=by)
    return done


def _propose_all(session: Session, guard: Guard, *, by: int) -> list[Proposal]:
    """Propose what was held back. Raises InputError for what could not be done."""
    regions = region_ids(session) if guard.places else {}
    for place, after in guard.places:
        draft = with_facts(draft_of_place(place), after)
        draft.shape.cover()
        region_id_of(draft, regions)
    held: list[tuple[Kind, Place | Route, Facts, Facts]] = [
        *((PLACE, place, facts_of_place(place), after) for place, after in guard.places),
        *((ROUTE, route, facts_of_route(route), after) for route, after in guard.routes),
    ]
    return [
        propose(session, kind, subject, organisation_id=subject.organisation_id, before=before, after=after, by=by)
        for kind, subject, before, after in held
    ]


def _read_place(session: Session, proposal: Proposal) -> Facts | None:
    place = session.get(Place, proposal.subject_id)
    return facts_of_place(place) if place is not None and place.kind != PlaceKind.CORRIDOR else None


def _read_route(session: Session, proposal: Proposal) -> Facts | None:
    route = session.get(Route, proposal.subject_id)
    return None if route is None else facts_of_route(route)


def _apply_place(session: Session, proposal: Proposal, by: int) -> None:
    place = session.get_one(Place, proposal.subject_id)
    draft = with_facts(draft_of_place(place), proposal.after)
    service.update_place(session, place, draft, by=by, author=proposal.proposed_by_id)


def _apply_route(session: Session, proposal: Proposal, by: int) -> None:
    route = session.get_one(Route, proposal.subject_id)
    draft = with_route_facts(draft_of_route(route), proposal.after)
    stops = stops_in_order(draft.stop_ids, places_by_id(session, route.organisation_id, draft.stop_ids))
    if facts_of_route_draft(draft, stops) != proposal.after:
        raise TransitionError(
            N_("One of its waypoints is elsewhere by now. Refuse the change, or propose it anew.")
        )
    author = proposal.proposed_by_id
    service.save_route(session, route.organisation_id, draft, by=by, route=route, author=author)


PLACE = Kind(
    "place",
    N_("Place in use"),
    Permission.REVIEW,
    _read_place,
    _apply_place,
    show_place,
    audited,
    proposing=Permission.EDIT,
)
ROUTE = Kind(
    "route",
    N_("Route in use"),
    Permission.REVIEW,
    _read_route,
    _apply_route,
    show_route,
    audited,
    proposing=Permission.EDIT,
)
KINDS = (PLACE, ROUTE)
