"""The overview tells what all campaigns of an organisation came to, in figures beside each campaign's own.

Nothing here reads a delivery or a contact: people were counted once, in the organisation and in each month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from campaigns.core.small_numbers import beside, is_told
from campaigns.places.models import Region
from campaigns.places.queries import regions_by_id
from campaigns.planning.models import Campaign, Run
from campaigns.planning.queries import was_sent
from campaigns.reach.counting.unique_counts import months_between
from campaigns.reach.counting.unique_people import Crowd, Measure, Part
from campaigns.reach.models import Scope
from campaigns.reach.results import shown_elsewhere
from campaigns.reach.results.campaign_reach import people_of, reached_by_month
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
class Figures:
    """What is told of an organisation, before it is rounded for whoever handles no contacts."""

    people: Mapping[Measure, int]
    #: People reached by region, of the regions that are named.
    named: Mapping[int, int]
    elsewhere: int
    months: Mapping[str, int]


def load_overview(session: Session, organisation_id: int, *, is_exact: bool, now: datetime) -> Overview:
    """Return what is known of an organisation's reach as a member may see it; `is_exact`: all of it."""
    kept = people_of(session, Crowd(Scope.ORGANISATION, organisation_id))
    reached = {int(region): count for region, count in kept.by(Part.REGION, Measure.REACHED).items() if count}
    known = regions_by_id(session, reached)
    counted = Figures(
        people={measure: kept.total(measure) for measure in MEASURES},
        named={region: count for region, count in reached.items() if region in known},
        elsewhere=sum(count for region, count in reached.items() if region not in known),
        months=reached_by_month(session, organisation_id),
    )
    told = counted if is_exact else _discreet(session, organisation_id, counted)
    show = figures(is_exact=is_exact)
    regions = [(known[region], show(count)) for region, count in told.named.items()]
    return Overview(
        campaigns=_count_campaigns(session, organisation_id),
        people={measure: show(count) for measure, count in told.people.items()},
        regions=sorted(regions, key=lambda pair: (-(pair[1] or 0), pair[0].name)),
        elsewhere=show(told.elsewhere),
        months=_in_turn(told.months, show, now),
        counted_at=kept.counted_at,
    )


def _discreet(session: Session, organisation_id: int, counted: Figures) -> Figures:
    """Return figures that, beside those of campaigns and runs and beside each other, tell of no few people."""
    near = {each: [count] for each, count in counted.people.items()}
    near[Measure.REACHED] += counted.months.values()
    totals = shown_elsewhere.totals_near(session, organisation_id, near)
    months = _beside_runs(session, organisation_id, counted.months, totals[Measure.REACHED])
    regions = shown_elsewhere.regions_near(session, organisation_id)
    stands_for = {region: beside(count, regions.get(region, [])) for region, count in counted.named.items()}
    # A region with few people is not named, as one with none.
    named = {region: count for region, count in stands_for.items() if is_told(count)}
    rest = counted.elsewhere + sum(count for region, count in counted.named.items() if region not in named)
    outside = shown_elsewhere.people_outside(session, organisation_id, named=named, near_to=rest)
    # The total stands above the regions: what is left of it must tell of few people elsewhere only where a
    # campaign's own page, whose total is the larger one then, has told the same.
    others = {**totals, Measure.REACHED: [*totals[Measure.REACHED], *months.values(), sum(named.values())]}
    people = {each: beside(count, others.get(each, [])) for each, count in counted.people.items()}
    return Figures(people, named, beside(rest, outside), months)


def _beside_runs(
    session: Session, organisation_id: int, months: Mapping[str, int], totals: Sequence[int]
) -> dict[str, int]:
    """Return the people of each month as they stand beside campaigns' totals, on the line also beside runs."""
    on_the_line = dict(sorted(months.items())[-MOST_MONTHS:])
    runs = shown_elsewhere.runs_near(session, organisation_id, on_the_line)
    return {month: beside(count, [*totals, *runs.get(month, [])]) for month, count in months.items()}


def _count_campaigns(session: Session, organisation_id: int) -> int:
    """Return how many campaigns were sent to anybody."""
    sent = exists().where(Run.campaign_id == Campaign.id, was_sent())
    return session.scalar(owned(select(func.count(Campaign.id)), Campaign, organisation_id).where(sent)) or 0


def _in_turn(counts: Mapping[str, int], show: Show, now: datetime) -> list[MonthPeople]:
    """Return the last months up to the last one that was counted, those between without people too."""
    if not counts:
        return []
    months = months_between(_first_day(min(counts)), _first_day(max(counts)))[-MOST_MONTHS:]
    (current,) = months_between(now, now)
    return [MonthPeople(_first_day(month), show(counts.get(month, 0)), month >= current) for month in months]


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
