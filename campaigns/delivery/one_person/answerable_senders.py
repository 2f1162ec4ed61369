"""SQL finds out whether people can answer the sender that writes to them: a text may say STOP only then."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, false, func, literal, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from campaigns.audience.models import Address, Channel
from campaigns.delivery.models import Delivery
from campaigns.messages.text.how_to_stop import StopWay
from campaigns.planning.country_rules import answerable_countries
from campaigns.planning.models import Run, RunSender, Sender


def stop_way(
    session: Session, run: Run, people: ReadOnlyColumnCollection[str, ColumnElement[Any]]
) -> ColumnElement[str]:
    """Return the StopWay of each row of `people`, by its sender_id, channel and number_country ('': not known)."""
    deaf = select(Sender.id).join(RunSender, RunSender.sender_id == Sender.id)
    deaf_ids = session.scalars(deaf.where(RunSender.run_id == run.id, ~Sender.two_way)).all()
    by_link = literal(bool(run.frozen.get("names_page")))
    return _way(people["sender_id"].in_(deaf_ids), by_link, people["channel"], people["number_country"])


def stop_way_of_delivery() -> ColumnElement[str]:
    """Return the StopWay of a Delivery as it stands, for a statement about deliveries."""
    by_link = func.coalesce(Run.frozen["names_page"].as_boolean(), false())
    way = _way(~Sender.two_way, by_link, Delivery.channel, func.coalesce(Address.country, ""))
    of_delivery = select(way).where(
        Sender.id == Delivery.sender_id, Address.id == Delivery.address_id, Run.id == Delivery.run_id
    )
    return of_delivery.correlate(Delivery).scalar_subquery()


def _way(
    is_deaf: ColumnElement[bool], by_link: ColumnElement[bool], channel: Any, country: ColumnElement[Any]
) -> ColumnElement[str]:
    # In countries where an SMS cannot be answered, or where nobody knows, STOP would be said into the air.
    is_unheard = (channel == Channel.SMS.value) & country.not_in(sorted(answerable_countries()))
    is_lost = or_(is_deaf, is_unheard)
    return case(
        (and_(is_lost, by_link), literal(StopWay.LINK.value, String())),
        (is_lost, literal(StopWay.NONE.value, String())),
        else_=literal(StopWay.WORD.value, String()),
    )
