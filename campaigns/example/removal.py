"""The example goes with all that hangs on it: it was only ever rehearsed, so nobody's messages are among it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Audience
from campaigns.audience.rules import AudienceRule
from campaigns.core.database import Base
from campaigns.core.errors import AudienceRuleError, RefusedError
from campaigns.core.words import N_
from campaigns.delivery.models import Attempt, Delivery
from campaigns.directory.models import Service
from campaigns.example.models import ExamplePart, PartKind
from campaigns.example.queries import find_parts
from campaigns.messages.models import Message
from campaigns.places.models import Place, PlaceKind, Route
from campaigns.places.service import delete_place, delete_route
from campaigns.planning.lifecycle import LIVING
from campaigns.planning.models import Campaign, CampaignSender, Run, Sender
from campaigns.planning.uses import find_used
from campaigns.staff.queries import owned


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
    _remove_messages(session, find_parts(session, ours, PartKind.MESSAGE))
    _remove_audiences(session, find_parts(session, ours, PartKind.AUDIENCE))
    _remove_senders(session, find_parts(session, ours, PartKind.SENDER))
    _remove_places(session, ours, by=by)
    _remove_services(session, find_parts(session, ours, PartKind.SERVICE))
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


def _remove_messages(session: Session, ids: Collection[int]) -> None:
    used = select(Campaign.id).where(or_(Campaign.message_id == Message.id, Campaign.correction_id == Message.id))
    copies = select(Message.copied_from_id).where(Message.copied_from_id.is_not(None))
    session.execute(_of(Message, ids).where(~used.exists(), Message.id.not_in(copies)), _UNSYNCED)


def _remove_audiences(session: Session, ids: Collection[int]) -> None:
    used = select(Campaign.id).where(Campaign.audience_id == Audience.id)
    session.execute(_of(Audience, ids).where(~used.exists()), _UNSYNCED)


def _remove_senders(session: Session, ids: Collection[int]) -> None:
    used = select(CampaignSender.sender_id).where(CampaignSender.sender_id == Sender.id)
    session.execute(_of(Sender, ids).where(~used.exists()), _UNSYNCED)


def _remove_places(session: Session, ours: int, *, by: int) -> None:
    """Remove places and routes that no audience of the organisation names, and no route of its own stops at."""
    named_places, named_routes = _find_named(session, ours)
    routes = select(Route).where(Route.id.in_(find_parts(session, ours, PartKind.ROUTE)))
    for route in session.scalars(routes.where(Route.id.not_in(named_routes))).all():
        delete_route(session, route, by=by)
    places = select(Place).where(Place.id.in_(find_parts(session, ours, PartKind.PLACE)))
    # The strip along a route goes with it.
    places = places.where(Place.id.not_in(named_places), Place.kind != PlaceKind.CORRIDOR)
    for place in session.scalars(places).all():
        with suppress(RefusedError):
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


def _remove_services(session: Session, ids: Collection[int]) -> None:
    """Remove the helplines that nobody looked at meanwhile."""
    session.execute(_of(Service, ids).where(Service.verified_on.is_(None)), _UNSYNCED)


def _of(model: Any, ids: Collection[int]) -> Any:
    return delete(model).where(model.id.in_(ids))


_UNSYNCED = {"synchronize_session": False}
