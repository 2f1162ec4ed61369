"""The example goes with all that hangs on it: it was only ever rehearsed, so nobody's messages are among it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience
from campaigns.audience.rules import AudienceRule
from campaigns.core.database import PAST_MEMORY, Base
from campaigns.core.errors import AudienceRuleError, RefusedError
from campaigns.core.words import N_
from campaigns.delivery.models import Attempt, Delivery, SenderAccount
from campaigns.directory.models import Service
from campaigns.example.models import ExamplePart, PartKind
from campaigns.example.queries import find_parts, is_used
from campaigns.inbox.models import InboundLook, UnknownStop
from campaigns.messages.models import Message
from campaigns.places.models import Place, Route
from campaigns.places.service import delete_place, delete_route
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Campaign, Run, Sender
from campaigns.planning.uses import find_used
from campaigns.staff.queries import owned

#: What the system notes by itself of rows; by itself it keeps none of them.
_NOTES: dict[Any, dict[Any, Any]] = {
    Sender: {
        SenderAccount: SenderAccount.sender_id,
        InboundLook: InboundLook.sender_id,
        UnknownStop: UnknownStop.sender_id,
    }
}


def remove_parts(session: Session, campaign: Campaign, *, by: int) -> None:
    """Remove an example: its campaign with the rehearsals, then every part that nothing else uses.

    Raises RefusedError while a rehearsal is being sent.
    """
    ours = campaign.organisation_id
    runs = session.scalars(select(Run).where(Run.campaign_id == campaign.id).with_for_update()).all()
    if any(run.state in LIVING for run in runs):
        raise RefusedError(N_("A rehearsal of the example is being sent. Stop it first, or wait for its end."))
    _remove_runs(session, [run.id for run in runs])
    _remove_where(session, "campaign_id", [campaign.id])
    session.execute(delete(Campaign).where(Campaign.id == campaign.id))
    session.expunge_all()
    _remove_unused(session, Message, find_parts(session, ours, PartKind.MESSAGE))
    _remove_unused(session, Audience, find_parts(session, ours, PartKind.AUDIENCE))
    _remove_unused(session, Sender, find_parts(session, ours, PartKind.SENDER))
    _remove_places(session, ours, by=by)
    # A helpline that somebody verified is the organisation's.
    _remove_unused(session, Service, find_parts(session, ours, PartKind.SERVICE), Service.verified_on.is_(None))
    session.execute(delete(ExamplePart).where(ExamplePart.organisation_id == ours))


def _remove_runs(session: Session, run_ids: Collection[int]) -> None:
    deliveries = select(Delivery.id).where(Delivery.run_id.in_(run_ids))
    session.execute(delete(Attempt).where(Attempt.delivery_id.in_(deliveries)))
    _remove_where(session, "run_id", run_ids)
    session.execute(delete(Run).where(Run.id.in_(run_ids)))


def _remove_where(session: Session, column: str, ids: Collection[int]) -> None:
    """Remove the rows of every table that name one of these by a column; what names them goes before them."""
    for table in reversed(Base.metadata.sorted_tables):
        if column in table.c and table.name != Run.__tablename__:
            session.execute(delete(table).where(table.c[column].in_(ids)))


def _remove_unused(session: Session, model: Any, ids: Collection[int], *also: ColumnElement[bool]) -> None:
    """Remove the rows of a model that nothing names any more, and what the system noted of them by itself."""
    notes = _NOTES.get(model, {})
    unused = select(model.id).where(model.id.in_(ids), ~is_used(model, beside=notes.keys()), *also)
    gone = session.scalars(unused.with_for_update()).all()
    for note, column in notes.items():
        session.execute(delete(note).where(column.in_(gone)), execution_options=PAST_MEMORY)
    session.execute(delete(model).where(model.id.in_(gone)), execution_options=PAST_MEMORY)


def _remove_places(session: Session, ours: int, *, by: int) -> None:
    """Remove places and routes that no audience of the organisation names, and no route of its own stops at."""
    named_places, named_routes = _find_named(session, ours)
    routes = select(Route).where(Route.id.in_(find_parts(session, ours, PartKind.ROUTE)))
    for route in session.scalars(routes.where(Route.id.not_in(named_routes))).all():
        # The strip along a route goes with it.
        delete_route(session, route, by=by)
    places = select(Place).where(Place.id.in_(find_parts(session, ours, PartKind.PLACE)))
    for place in session.scalars(places.where(Place.id.not_in(named_places), ~is_used(Place))).all():
        delete_place(session, place, by=by)


def _find_named(session: Session, ours: int) -> tuple[set[int], set[int]]:
    """Return the ids of places and of routes that audiences and running runs of the organisation name."""
    used = find_used(session, ours)
    places, routes = set(used.place_ids), set(used.route_ids)
    for stored in session.scalars(owned(select(Audience.rule), Audience, ours)):
        with suppress(AudienceRuleError):
            rule = AudienceRule.from_json(stored)
            places |= set(rule.place_ids)
            routes |= {part.route_id for part in rule.route_parts}
    return places, routes
