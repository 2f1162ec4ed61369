"""Stops that find nobody we wrote to lately: the person may be known by another handle, and get messages there.

WhatsApp may hide a number, a phone may have two, a number may be written in a way that we do not know. Members are
told of it for a week; of the handle nothing is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Address, Channel
from campaigns.delivery.fanout.frequency_cap import CALLED
from campaigns.delivery.models import Delivery
from campaigns.inbox.models import Reply, UnknownStop
from campaigns.planning.models import Run, Sender
from campaigns.staff.queries import owned

#: Who was written to before that has no reason to say stop now; and for so long members are told.
LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class StrangeStops:
    """Stops to one sender that found nobody we wrote to lately."""

    #: Name of the sender; None for one that we do not know.
    sender: str | None
    channel: Channel
    count: int
    last_at: datetime


def note_stop(session: Session, reply: Reply, address_ids: Collection[int], *, sender_id: int | None) -> bool:
    """Note a stop that found only these addresses if none of them was written to lately; say whether it did."""
    if _were_written_to(session, address_ids, since=reply.received_at - LATELY):
        return False
    session.add(
        UnknownStop(
            organisation_id=reply.organisation_id,
            sender_id=sender_id,
            channel=reply.channel,
            said_at=reply.received_at,
        )
    )
    session.flush()
    return True


def assign_stop(session: Session, reply: Reply) -> None:
    """Tell the organisation that got a reply from triage of the stop in it, if it was noted."""
    noted = select(func.min(UnknownStop.id)).where(
        UnknownStop.organisation_id.is_(None),
        UnknownStop.channel == reply.channel,
        UnknownStop.said_at == reply.received_at,
    )
    found = session.scalar(noted)
    if found is not None:
        session.get_one(UnknownStop, found).organisation_id = reply.organisation_id


def find_strange_stops(session: Session, organisation_id: int, *, now: datetime) -> Sequence[StrangeStops]:
    """Return the stops of the last week that came to the organisation, the latest first.

    What came to a number of several organisations, or of none, is told to nobody before it is assigned: when
    somebody said stop to another organisation is not theirs to know.
    """
    last_at = func.max(UnknownStop.said_at)
    rows = session.execute(
        owned(select(Sender.name, UnknownStop.channel, func.count(), last_at), UnknownStop, organisation_id)
        .select_from(UnknownStop)
        .outerjoin(Sender, Sender.id == UnknownStop.sender_id)
        .where(UnknownStop.said_at > now - LATELY)
        .group_by(Sender.id, Sender.name, UnknownStop.channel)
        .order_by(last_at.desc())
    )
    return [StrangeStops(name, Channel(channel), count, at) for name, channel, count, at in rows]


def _were_written_to(session: Session, address_ids: Collection[int], *, since: datetime) -> bool:
    """Look along the index on (run, contact): nothing indexes contacts over all runs."""
    if not address_ids:
        return False
    contacts = select(Address.contact_id).where(Address.id.in_(address_ids))
    runs = select(Run.id).where(
        or_(Run.finished_at.is_(None), Run.finished_at > since), Run.started_at.is_not(None), ~Run.is_rehearsal
    )
    called = exists().where(
        Delivery.run_id.in_(runs),
        Delivery.contact_id.in_(contacts),
        Delivery.send_state.in_(CALLED),
        Delivery.intent_at > since,
    )
    return bool(session.scalar(select(called)))
