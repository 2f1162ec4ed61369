"""Reads on what came of a campaign: reports of partners, and the openings of its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from campaigns.messages.filled_text import is_counted
from campaigns.messages.models import Message
from campaigns.planning.links.counted_links import CountedLink
from campaigns.planning.links.link_targets import may_lead
from campaigns.planning.models import Campaign
from campaigns.public_pages.queries import select_open_ids
from campaigns.reach.counting.ladder import Step
from campaigns.reach.outcomes.models import LinkDay, Outcome, Way
from campaigns.staff.models import Organisation
from campaigns.staff.queries import owned

#: Openings from one network that count within a quarter of an hour; further ones are only led on.
MOST_PER_NETWORK = 600


@dataclass(frozen=True, slots=True)
class ToldOutcomes:
    """What partners told of one step; sums are contacts, because two partners may tell of one person."""

    people: int
    #: Part of `people` that was counted before.
    recurrent: int
    reports: int
    partners: int
    last_at: datetime
    by_way: Mapping[Way, int]


@dataclass(frozen=True, slots=True)
class Openings:
    """How often a campaign's address was opened: openings, not people."""

    #: "": nowhere. None: nobody said another, so that it leads to our own page.
    target: str | None
    total: int
    #: By id of the region; 0: the address without one.
    by_region: dict[int, int]
    #: What one network may add to them within a quarter of an hour.
    most_per_network: int = MOST_PER_NETWORK


def select_outcomes(organisation_id: int, campaign_id: int) -> Select[Outcome]:
    """Select the reports about a campaign, newest first, withdrawn ones too."""
    rows = owned(select(Outcome), Outcome, organisation_id).where(Outcome.campaign_id == campaign_id)
    return rows.order_by(Outcome.id.desc())


def outcomes_of(session: Session, organisation_id: int, campaign_id: int) -> dict[Step, ToldOutcomes]:
    """Return what partners told of a campaign, by step."""
    reports = [
        row for row in session.scalars(select_outcomes(organisation_id, campaign_id)) if row.withdrawn_at is None
    ]
    steps = {Step(row.step) for row in reports}
    return {step: _told([row for row in reports if row.step == step]) for step in steps}


def find_link(session: Session, code: str) -> CountedLink | None:
    """Return where the address of the campaign with this code leads.

    None: nowhere. It was taken away, or is no page on a host that the organisation lists now.
    """
    chosen = (
        select(CountedLink, Organisation.link_hosts)
        .join(Campaign, Campaign.id == CountedLink.campaign_id)
        .join(Organisation, Organisation.id == Campaign.organisation_id)
    )
    found = session.execute(chosen.where(Campaign.code == code.upper())).one_or_none()
    return found[0] if found and may_lead(found[0].target, found[1]) else None


@dataclass(frozen=True, slots=True)
class SafetyPage:
    """The page of our own that a campaign's address leads to as long as nobody said another."""

    campaign_id: int
    theme: str


def find_safety_page(session: Session, code: str) -> SafetyPage | None:
    """Return what our own pages say of a campaign's theme, if its texts link there and the pages are open.

    None as well where the address led elsewhere once: what was taken away leads nowhere.
    """
    found = session.execute(
        select(Campaign.id, Message.theme, Campaign.link)
        .join(Message, Message.id == Campaign.message_id)
        .outerjoin(CountedLink, CountedLink.campaign_id == Campaign.id)
        .where(Campaign.code == code.upper(), CountedLink.campaign_id.is_(None))
        .where(Campaign.organisation_id.in_(select_open_ids()))
    ).one_or_none()
    if found is None or not is_counted(found.link, code.upper()):
        return None
    return SafetyPage(found.id, found.theme)


def openings_of(session: Session, campaign_id: int) -> Openings | None:
    """Return the openings of a campaign's address; None where it was never opened nor led anywhere."""
    link = session.get(CountedLink, campaign_id)
    counted = select(LinkDay.region_id, func.sum(LinkDay.openings)).where(LinkDay.campaign_id == campaign_id)
    regions = {region: int(count) for region, count in session.execute(counted.group_by(LinkDay.region_id))}
    if link is None and not regions:
        return None
    return Openings(link.target if link else None, sum(regions.values()), regions)


def _told(rows: list[Outcome]) -> ToldOutcomes:
    return ToldOutcomes(
        people=sum(row.people for row in rows),
        recurrent=sum(row.people for row in rows if row.recurrent),
        reports=len(rows),
        partners=len({row.partner.casefold() for row in rows}),
        last_at=max(row.recorded_at for row in rows),
        by_way={way: found for way in Way if (found := sum(row.people for row in rows if row.way == way))},
    )
