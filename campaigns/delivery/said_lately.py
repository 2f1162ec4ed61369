"""What campaigns wrote lately is shown to everybody as ours, but for what was withdrawn and for dead numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, or_, select, tuple_
from sqlalchemy.orm import Session

from campaigns.core.folding import digits_of
from campaigns.delivery.models import RunText
from campaigns.directory.models import Service
from campaigns.messages.models import Message, Withdrawal
from campaigns.messages.translations.withdrawn_copies import find_versions_saying
from campaigns.places.models import Region
from campaigns.planning.models import Run

#: Texts that are looked at for each that a page shows: of the others a number died, or became another.
_LOOKED_AT = 10
_MESSAGE_ID = Run.frozen["message_id"].as_integer()


def load_said(
    session: Session,
    organisation_ids: Collection[int],
    language: str,
    country: str,
    *,
    since: datetime,
    now: datetime,
    most: int,
) -> list[str]:
    """Return the texts that campaigns sent in a language since a moment (UTC): those to a country, then others.

    Whoever crossed a border compares what they received before it. The latest come first; none that was withdrawn,
    also by whom it was copied from, and none that names a number which is not, or no longer, that of a verified
    service.
    """
    copied = find_versions_saying(session, Message.organisation_id.in_(organisation_ids))
    chosen = _select_latest(organisation_ids, language, country, since)
    stands = chosen.where(tuple_(_MESSAGE_ID, Run.message_version).not_in(copied)) if copied else chosen
    latest = stands.limit(most * _LOOKED_AT).subquery()
    texts = session.scalars(
        select(RunText)
        .join(latest, latest.c.id == RunText.id)
        .order_by(latest.c.is_here.desc(), RunText.id.desc())
    ).all()
    named = {each for text in texts for each in text.service_ids}
    services = {each.id: each for each in session.scalars(select(Service).where(Service.id.in_(named)))}
    good = (text.body for text in texts if text.body and _is_good(text.body, text.service_ids, services, now))
    return list(islice(good, most))


def _select_latest(
    organisation_ids: Collection[int], language: str, country: str, since: datetime
) -> Select[int, int]:
    """Select the id of the latest of the texts that say the same, and whether one of them went to a country.

    Those of a withdrawn version are none of them.
    """
    is_here = func.max(case((or_(RunText.region_id == 0, Region.country == country), 1), else_=0)).label("is_here")
    version = Withdrawal.message_id == _MESSAGE_ID, Withdrawal.version == Run.message_version
    return (
        select(func.max(RunText.id).label("id"), is_here)
        .join(Run, Run.id == RunText.run_id)
        .outerjoin(Region, Region.id == RunText.region_id)
        .where(Run.organisation_id.in_(organisation_ids), Run.campaign_id.is_not(None), ~Run.is_rehearsal)
        .where(Run.started_at > since, RunText.language == language, RunText.body.is_not(None))
        .where(~select(Withdrawal).where(*version).correlate(Run).exists())
        .group_by(RunText.body)
        .order_by(is_here.desc(), func.max(RunText.id).desc())
    )


def _is_good(body: str, service_ids: Collection[int], services: Mapping[int, Service], now: datetime) -> bool:
    """Say whether every service that a text names still answers, at the number that stands in the text."""
    return all(each in services and _stands(services[each], digits_of(body), now) for each in service_ids)


def _stands(service: Service, digits: str, now: datetime) -> bool:
    # Verified long ago is no reason to doubt what was sent; found dead or doubtful takes the day away.
    today = now.astimezone(ZoneInfo(service.time_zone)).date()
    is_over = service.expires_on is not None and service.expires_on < today
    numbers = filter(None, (service.number_national, service.number_from_abroad))
    return service.verified_on is not None and not is_over and any(digits_of(each) in digits for each in numbers)
