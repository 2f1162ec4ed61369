"""A country is written to by the first sender of text messages that may be used now and reaches it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.delivery.lanes.sender_health import may_be_used
from campaigns.planning.models import Sender


def load_text_senders(session: Session, organisation_ids: Collection[int]) -> Sequence[Sender]:
    """Return the senders of text messages that may be used now, those of organisations before shared ones."""
    ours = or_(Sender.organisation_id.in_(organisation_ids), Sender.organisation_id.is_(None))
    usable = select(Sender).where(ours, Sender.channel == Channel.SMS, may_be_used())
    return session.scalars(usable.order_by(Sender.organisation_id.is_(None), Sender.id)).all()


def find_text_sender(senders: Iterable[Sender], country: str | None) -> Sender | None:
    """Return the first of these senders that writes to numbers of a country."""
    return next((each for each in senders if not each.countries or country in each.countries), None)
