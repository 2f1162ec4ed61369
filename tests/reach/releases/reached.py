"""People of an organisation whom messages reached, for tests of releases, and the noise that such tests fix."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count, cycle
from typing import Any

from sqlalchemy.orm import Session

from campaigns.audience.models import Channel
from campaigns.delivery.states import ReceiptState, SendState
from campaigns.places.models import Region
from campaigns.planning.models import Run, RunState
from campaigns.reach.releases.privacy.noise import Below
from campaigns.staff.models import Organisation
from tests.factories import a_campaign, a_delivery, a_member, a_region, a_run

#: A month that is over, and a moment at which its figures are settled.
MARCH, SETTLED = "2026-03", datetime(2026, 4, 5, tzinfo=UTC)
IN_MARCH = datetime(2026, 3, 2, 12, tzinfo=UTC)

_people = count(5_000_000)


def no_noise() -> Below:
    """A source of bits by which every draw of noise is zero: rest 0, no whole steps, no sign."""
    coins = cycle((0, 1, 0))
    return lambda bound: next(coins) if bound == 2 else 0


def regions(session: Session) -> dict[str, Region]:
    """Four areas of two listed countries, and one of a country that is not listed."""
    codes = ("PL-18", "PL-06", "UA-46", "UA-30", "FR-75")
    return {code: a_region(session, code=code, country=code[:2], name=code) for code in codes}


def a_done_run(session: Session, organisation: Organisation, **changes: Any) -> Run:
    campaign = changes.pop("campaign", None) or a_campaign(session, organisation, a_member(session, organisation))
    values = {"state": RunState.DONE, "finished_at": IN_MARCH} | changes
    return a_run(session, campaign, **values)


def reach(
    session: Session, run: Run, region: Region | None, people: int, *, at: datetime = IN_MARCH, **changes: object
) -> list[int]:
    """Let the run reach new people in a region; returns their contact ids."""
    contacts = [next(_people) for _ in range(people)]
    for contact_id in contacts:
        reach_again(session, run, region, contact_id, at=at, **changes)
    return contacts


def reach_again(
    session: Session, run: Run, region: Region | None, contact_id: int, *, at: datetime, **changes: object
) -> None:
    """Let the run reach somebody who may have been reached before."""
    values = {
        "contact_id": contact_id,
        "channel": Channel.SMS,
        "region_id": region.id if region else 0,
        "send_state": SendState.ACCEPTED,
        "receipt_state": ReceiptState.DELIVERED,
        "intent_at": at,
    }
    a_delivery(session, run, **values | changes)
