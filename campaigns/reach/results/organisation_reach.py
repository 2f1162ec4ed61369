"""The overview tells what all campaigns of an organisation came to, in figures beside each campaign's own.

Nothing here reads a delivery or a contact: people were counted once, in the organisation and in each month.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.core.small_numbers import beside
from campaigns.places.models import Region
from campaigns.places.queries import regions_by_id
from campaigns.planning.models import Campaign, Run, RunState
from campaigns.planning.queries import counts_as_reach
from campaigns.reach.counting.unique_people import Crowd, Measure, Part
from campaigns.reach.models import PeopleReach, Scope
from campaigns.reach.results.campaign_reach import months_of, people_of
from campaigns.reach.results.visibility import Show, figures
from campaigns.staff.queries import owned

#: The measures whose people the overview tells.
MEASURES = (Measure.REACHED, Measure.DELIVERED, Measure.ENGAGED)
#: Months on the line, the last ones.
MOST_MONTHS = 12


@dataclass(frozen=True, slots=True)
class MonthPeople:
    """A calendar month (UTC) with the people whom its messages reached, as they may be seen."""

    first_day: date
    reached: int | None
    #: Whether it is not over, so that its figure still grows.
    is_going_on: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """What a member may see of the reach of an organisation; None: a figure is too small to be told."""

    campaigns: int
    people: Mapping[Measure, int | None]
    #: Regions with people reached, most first.
    regions: list[tuple[Region, int | None]]
    #: People reached in the regions that are not named and in none that is known.
    elsewhere: int | None
    months: list[MonthPeople]
    #: None: nobody counted yet.
    counted_at: datetime | None


@dataclass(frozen=True, slots=True)
class CampaignFigures:
    """What the pages of campaigns tell of the same people, so that the overview beside them tells no more."""

    #: Totals of each campaign by measure, and its people reached by region.
    totals: Mapping[Measure, list[int]] = field(default_factory=dict)
    regions: Mapping[str, list[int]] = field(default_factory=dict)


def load_overview(session: Session, organisation_id: int, *, is_exact: bool, now: datetime) -> Overview:
    """Return what is known of an organisation's reach as a member may see it; `is_exact`: all of it."""
    kept = people_of(session, Crowd(Scope.ORGANISATION, organisation_id))
    told = CampaignFigures() if is_exact else _told_of_campaigns(session, organisation_id)
    show = figures(is_exact=is_exact)
    totals = {month: people.total(Measure.REACHED) for month, people in months_of(session, organisation_id)}
    months = {month: beside(count, told.totals.get(Measure.REACHED, [])) for month, count in totals.items()}
    beside_months = {Measure.REACHED: [] if is_exact else [*months.values()]}
    people = {
        each: beside(kept.total(each), [*told.totals.get(each, []), *beside_months.get(each, [])])
        for each in MEASURES
    }
    reached = kept.by(Part.REGION, Measure.REACHED)
    named = _named(session, reached, told, is_exact=is_exact)
    rest = sum(count for key, count in reached.items() if key not in {str(region.id) for region, _ in named})
    return Overview(
        campaigns=_count_campaigns(session, organisation_id),
        people={measure: show(count) for measure, count in people.items()},
        regions=[(region, show(count)) for region, count in named],
        elsewhere=show(rest),
        months=_in_turn(months, show, now),
        counted_at=kept.counted_at,
    )


def _named(
    session: Session, reached: Mapping[str, int], told: CampaignFigures, *, is_exact: bool
) -> list[tuple[Region, int]]:
    """Return the regions that may be named with their people; one with few people is not, as one with none."""
    show = figures(is_exact=is_exact)
    counts = {int(key): beside(count, told.regions.get(key, [])) for key, count in reached.items()}
    counts = {region_id: count for region_id, count in counts.items() if show(count)}
    regions = regions_by_id(session, counts)
    found = [(regions[region_id], count) for region_id, count in counts.items() if region_id in regions]
    return sorted(found, key=lambda pair: (-(show(pair[1]) or 0), pair[0].name))


def _told_of_campaigns(session: Session, organisation_id: int) -> CampaignFigures:
    """Return the people of each campaign by measure, and those reached by region."""
    columns = (PeopleReach.scope_id, PeopleReach.measure, PeopleReach.key, PeopleReach.people)
    rows = (
        owned(select(*columns), Campaign, organisation_id)
        .join(Campaign, Campaign.id == PeopleReach.scope_id)
        .where(PeopleReach.scope == Scope.CAMPAIGN, PeopleReach.part == Part.REGION)
        .where(PeopleReach.measure.in_(MEASURES))
    )
    totals: dict[tuple[Measure, int], int] = defaultdict(int)
    regions: dict[str, list[int]] = defaultdict(list)
    for campaign_id, measure, region, people in session.execute(rows):
        totals[Measure(measure), campaign_id] += people
        if measure == Measure.REACHED:
            regions[region].append(people)
    by_measure: dict[Measure, list[int]] = defaultdict(list)
    for (measure, _campaign), people in totals.items():
        by_measure[measure].append(people)
    return CampaignFigures(by_measure, regions)


def _count_campaigns(session: Session, organisation_id: int) -> int:
    """Return how many campaigns were sent."""
    sent = owned(select(func.count(Run.campaign_id.distinct())), Run, organisation_id)
    return session.scalar(sent.where(Run.state != RunState.HELD, counts_as_reach())) or 0


def _in_turn(counts: Mapping[str, int], show: Show, now: datetime) -> list[MonthPeople]:
    """Return the last months up to the last one that was counted, those between without people too."""
    if not counts:
        return []
    ordinals = {_ordinal(month): count for month, count in counts.items()}
    last, current = max(ordinals), now.year * 12 + now.month - 1
    first = max(min(ordinals), last - MOST_MONTHS + 1)
    return [
        MonthPeople(date(each // 12, each % 12 + 1, 1), show(ordinals.get(each, 0)), each >= current)
        for each in range(first, last + 1)
    ]


def _ordinal(month: str) -> int:
    year, number = map(int, month.split("-"))
    return year * 12 + number - 1
